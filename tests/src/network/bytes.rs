//! The format of bytes in a session file: valid UTF-8 is stored as readable text, and other bytes as hexadecimal
//! digits.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// Bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Form", try_from = "Form")]
pub struct Bytes(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Hex { hex: String },
}

impl From<Bytes> for Form {
    fn from(Bytes(bytes): Bytes) -> Self {
        String::from_utf8(bytes).map_or_else(
            |error| {
                let mut hex = String::new();
                for byte in error.as_bytes() {
                    let _ = write!(hex, "{byte:02x}");
                }
                Self::Hex { hex }
            },
            Self::Text,
        )
    }
}

impl TryFrom<Form> for Bytes {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let hex = match form {
            Form::Text(text) => return Ok(Self(text.into_bytes())),
            Form::Hex { hex } => hex,
        };
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
        let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        bytes
            .filter(|_| rest.is_empty())
            .map(Self)
            .ok_or_else(|| "invalid hexadecimal digits".to_owned())
    }
}
