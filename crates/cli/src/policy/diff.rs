//! What differs between two texts, line by line.

/// Lines of either text that are compared at most; what is longer is shown as replaced as a whole.
const LINES: usize = 2_000;

/// The lines of both texts: `-` before those of the first alone, `+` before those of the second alone, a space before
/// those of both. Empty if the texts are alike.
pub fn diff(one: &str, other: &str) -> String {
    if one == other {
        return String::new();
    }
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    if one.len() > LINES || other.len() > LINES {
        let lines = |mark: char, lines: &[&str]| {
            lines.iter().map(|line| format!("{mark}{line}\n")).collect::<String>()
        };
        return lines('-', &one) + &lines('+', &other);
    }
    let common = common(&one, &other);
    let (mut text, mut left, mut right) = (String::new(), one.iter().peekable(), other.iter().peekable());
    let mut line = |mark: char, line: &str| {
        text.push(mark);
        text.push_str(line);
        text.push('\n');
    };
    for (at, with) in common.into_iter().chain([(one.len(), other.len())]) {
        let pass = |end: usize, all: usize, rest: usize| all - rest < end;
        while pass(at, one.len(), left.len()) {
            left.next().iter().for_each(|text| line('-', text));
        }
        while pass(with, other.len(), right.len()) {
            right.next().iter().for_each(|text| line('+', text));
        }
        if let (Some(text), Some(_)) = (left.next(), right.next()) {
            line(' ', text);
        }
    }
    text
}

/// The places of the longest common lines, in order.
fn common(one: &[&str], other: &[&str]) -> Vec<(usize, usize)> {
    let width = other.len() + 1;
    // How many lines the rests from here on have in common.
    let mut lengths = vec![0_u16; (one.len() + 1) * width];
    let get = |lengths: &[u16], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or_default();
    for (i, left) in one.iter().enumerate().rev() {
        for (j, right) in other.iter().enumerate().rev() {
            let length = if left == right {
                get(&lengths, i + 1, j + 1) + 1
            } else {
                get(&lengths, i + 1, j).max(get(&lengths, i, j + 1))
            };
            if let Some(place) = lengths.get_mut(i * width + j) {
                *place = length;
            }
        }
    }
    let (mut places, mut i, mut j) = (Vec::new(), 0, 0);
    while let (Some(left), Some(right)) = (one.get(i), other.get(j)) {
        if left == right {
            places.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if get(&lengths, i + 1, j) >= get(&lengths, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_side_are_marked() {
        assert_eq!(diff("a\nb\nc\nd", "a\nx\nc\nd\ne"), " a\n-b\n+x\n c\n d\n+e\n");
        assert_eq!(diff("", "a"), "+a\n");
        assert_eq!(diff("a\nb", "b"), "-a\n b\n");
        assert_eq!(diff("same", "same"), "");
    }

    #[test]
    fn long_texts_are_replaced_as_a_whole() {
        let long = "x\n".repeat(LINES + 1);
        assert!(diff(&long, "x").starts_with("-x\n-x\n") && diff(&long, "x").ends_with("+x\n"));
    }
}
