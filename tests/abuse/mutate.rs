//! Seeded mutations: the same inputs in every run, so that a failure can be run again.

use crate::corpus::Corpus;

/// The largest input that a mutation makes, in bytes: what bounds the work of one iteration.
const MAX_BYTES: usize = 16 << 10;

/// A generator of numbers (xorshift64*); its quality is enough to choose bytes.
pub struct Numbers(u64);

impl Numbers {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap().max(1);
        usize::try_from((self.next() >> 11) % bound).unwrap()
    }
}

/// A mutated input: a seed, then one to eight changes.
pub fn mutated(numbers: &mut Numbers, corpus: &Corpus) -> Vec<u8> {
    let seed = corpus.seeds[numbers.below(corpus.seeds.len())];
    let mut bytes = seed.as_bytes().to_vec();
    for _ in 0..=numbers.below(8) {
        change(numbers, corpus, &mut bytes);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn change(numbers: &mut Numbers, corpus: &Corpus, bytes: &mut Vec<u8>) {
    let at = numbers.below(bytes.len() + 1);
    let end = (at + numbers.below(40)).min(bytes.len());
    match numbers.below(9) {
        // A bit, a byte.
        0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
        1 if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
        // A part goes, comes twice, moves, or comes very often.
        2 => drop(bytes.drain(at..end)),
        3 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        4 => {
            let part: Vec<u8> = bytes.drain(at..end).collect();
            let to = numbers.below(bytes.len() + 1);
            bytes.splice(to..to, part);
        }
        5 => {
            let part = bytes[at..end].repeat(1 + numbers.below(60));
            bytes.splice(at..at, part);
        }
        // A part of another seed.
        6 => {
            let other = corpus.seeds[numbers.below(corpus.seeds.len())].as_bytes();
            let from = numbers.below(other.len());
            bytes.splice(at..end, other[from..].iter().copied());
        }
        // The end goes.
        7 => bytes.truncate(at),
        // A word of the format.
        _ => {
            let word = corpus.words[numbers.below(corpus.words.len())];
            let times = if numbers.below(8) == 0 {
                1 + numbers.below(300)
            } else {
                1
            };
            bytes.splice(at..at, word.repeat(times).into_bytes());
        }
    }
}
