//! Reading what `json.loads` reads.

use thiserror::Error;

use super::{Integer, Json, MAX_DEPTH, MAX_INTEGER_DIGITS, Object, Text};

/// Why a text is not a value. Offsets count bytes from the start of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseJsonError {
    /// Something else than a value, a key or a separator stands there.
    #[error("json has an unexpected character at byte {at}")]
    UnexpectedCharacter {
        /// Where.
        at: usize,
    },
    /// The text ends inside a value.
    #[error("json ends too early, at byte {at}")]
    EndsTooEarly {
        /// Where.
        at: usize,
    },
    /// Arrays and objects are nested deeper than allowed.
    #[error("json is nested deeper than {allowed} levels at byte {at}")]
    NestedTooDeep {
        /// Where.
        at: usize,
        /// Levels allowed.
        allowed: usize,
    },
    /// An integer has more digits than allowed.
    #[error("json has an integer of {digits} digits, {allowed} are allowed")]
    IntegerTooLong {
        /// Digits seen.
        digits: usize,
        /// Digits allowed.
        allowed: usize,
    },
}

impl Json {
    /// Reads one value that fills the whole text.
    ///
    /// # Errors
    /// When the text is not what `json.loads` accepts, or above [`MAX_DEPTH`] or [`MAX_INTEGER_DIGITS`].
    // req: MIX-JSON-1, MIX-JSON-3
    pub fn parse(text: &str) -> Result<Self, ParseJsonError> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        parser.skip_blanks();
        if parser.at < text.len() {
            return Err(ParseJsonError::UnexpectedCharacter { at: parser.at });
        }
        Ok(value)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Json, ParseJsonError> {
        self.skip_blanks();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Json::Text)
            }
            Some(b'{') => {
                self.nest(depth)?;
                self.object(depth + 1)
            }
            Some(b'[') => {
                self.nest(depth)?;
                self.array(depth + 1)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err(self.error()),
        }
    }

    fn nest(&mut self, depth: usize) -> Result<(), ParseJsonError> {
        if depth >= MAX_DEPTH {
            return Err(ParseJsonError::NestedTooDeep { at: self.at, allowed: MAX_DEPTH });
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<Json, ParseJsonError> {
        let mut object = Object::new();
        self.skip_blanks();
        if self.eat(b'}') {
            return Ok(Json::Object(object));
        }
        loop {
            self.skip_blanks();
            self.expect(b'"')?;
            let key = self.string()?;
            self.skip_blanks();
            self.expect(b':')?;
            let value = self.value(depth)?;
            object.insert(key, value);
            self.skip_blanks();
            if self.eat(b'}') {
                object.shrink();
                return Ok(Json::Object(object));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, ParseJsonError> {
        let mut items = Vec::new();
        self.skip_blanks();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_blanks();
            if self.eat(b']') {
                items.shrink_to_fit();
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
        }
    }

    /// The rest of a string whose opening quote was eaten.
    fn string(&mut self) -> Result<Text, ParseJsonError> {
        let mut text = Text::default();
        loop {
            let rest = self.rest();
            let plain = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F));
            let plain = plain.unwrap_or(rest.len());
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            if self.eat(b'"') {
                return Ok(text);
            }
            self.expect(b'\\')?;
            self.escape(&mut text)?;
        }
    }

    fn escape(&mut self, text: &mut Text) -> Result<(), ParseJsonError> {
        let plain = match self.peek() {
            Some(same @ (b'"' | b'\\' | b'/')) => u32::from(same),
            Some(b'b') => 0x08,
            Some(b'f') => 0x0C,
            Some(b'n') => 0x0A,
            Some(b'r') => 0x0D,
            Some(b't') => 0x09,
            Some(b'u') => {
                self.at += 1;
                let point = self.hex4()?;
                text.push_code_point(self.joined_with_low_surrogate(point));
                return Ok(());
            }
            _ => return Err(self.error()),
        };
        self.at += 1;
        text.push_code_point(plain);
        Ok(())
    }

    fn joined_with_low_surrogate(&mut self, point: u32) -> u32 {
        if !(0xD800..0xDC00).contains(&point) || !self.rest().starts_with("\\u") {
            return point;
        }
        let before = self.at;
        self.at += 2;
        match self.hex4() {
            Ok(low @ 0xDC00..=0xDFFF) => 0x1_0000 + ((point - 0xD800) << 10) + (low - 0xDC00),
            _ => {
                self.at = before;
                point
            }
        }
    }

    fn hex4(&mut self) -> Result<u32, ParseJsonError> {
        let digits = self.rest().get(..4).ok_or_else(|| self.error())?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.error());
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.error())
    }

    fn number(&mut self) -> Result<Json, ParseJsonError> {
        let start = self.at;
        if self.rest().starts_with("-I") {
            return self.word();
        }
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        let digits = self.at - start;
        let mut whole = true;
        if self.peek() == Some(b'.') && self.peek_at(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.digits()?;
            whole = false;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(self.peek_at(1), Some(b'+' | b'-')));
            if self.peek_at(1 + signed).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + signed;
                self.digits()?;
                whole = false;
            }
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        if !whole {
            return written.parse().map(Json::Float).map_err(|_| self.error());
        }
        if digits > MAX_INTEGER_DIGITS {
            return Err(ParseJsonError::IntegerTooLong { digits, allowed: MAX_INTEGER_DIGITS });
        }
        Ok(Json::Int(written.parse().map_or_else(|_| Integer::Big(written.into()), Integer::Small)))
    }

    fn digits(&mut self) -> Result<(), ParseJsonError> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count == 0 { Err(self.error()) } else { Ok(()) }
    }

    fn word(&mut self) -> Result<Json, ParseJsonError> {
        for (word, value) in [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::Float(f64::NAN)),
            ("Infinity", Json::Float(f64::INFINITY)),
            ("-Infinity", Json::Float(f64::NEG_INFINITY)),
        ] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error())
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), ParseJsonError> {
        if self.eat(byte) { Ok(()) } else { Err(self.error()) }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// What is still to be read. `at` only ever passes whole characters, so it is a boundary.
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self) -> ParseJsonError {
        if self.at >= self.text.len() {
            ParseJsonError::EndsTooEarly { at: self.at }
        } else {
            ParseJsonError::UnexpectedCharacter { at: self.at }
        }
    }
}
