//! A small tree of XML elements that tests can damage one place at a time.
#![allow(dead_code, reason = "every test file uses its own part of this")]

use quick_xml::events::Event;
use quick_xml::reader::Reader;

#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn parse(xml: &str) -> Self {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let attributes = start.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        (attribute.key.into_inner().to_owned(), attribute.value.into_owned())
                    });
                    open.push(Self {
                        name: start.name().into_inner().to_owned(),
                        attributes: attributes.collect(),
                        ..Self::default()
                    });
                }
                Event::Text(text) => open.last_mut().unwrap().text += text.trim(),
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Eof => return open.remove(0).children.remove(0),
                _ => {}
            }
        }
    }

    pub(crate) fn write(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write_into(&mut xml);
        xml
    }

    fn write_into(&self, xml: &mut String) {
        *xml += &format!("<{}", self.name);
        for (key, value) in &self.attributes {
            *xml += &format!(" {key}=\"{value}\"");
        }
        *xml += &format!(">{}", self.text);
        self.children.iter().for_each(|child| child.write_into(xml));
        *xml += &format!("</{}>", self.name);
    }

    /// Ways to all elements, as places among their siblings from the root on; the root's is empty.
    pub(crate) fn ways(&self) -> Vec<Vec<usize>> {
        let mut ways = vec![Vec::new()];
        for (place, child) in self.children.iter().enumerate() {
            ways.extend(child.ways().into_iter().map(|way| [vec![place], way].concat()));
        }
        ways
    }

    pub(crate) fn at(&self, way: &[usize]) -> &Self {
        way.iter().fold(self, |element, place| &element.children[*place])
    }

    /// A copy in which this element was edited.
    pub(crate) fn with(&self, way: &[usize], edit: impl FnOnce(&mut Self)) -> Self {
        let mut copy = self.clone();
        edit(way.iter().fold(&mut copy, |element, place| &mut element.children[*place]));
        copy
    }
}
