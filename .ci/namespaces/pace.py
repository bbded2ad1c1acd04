# On a slow and busy machine everything may take three times as long as on a desk.
SLOW = 3
