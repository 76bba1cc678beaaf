import FoundationEssentials
import Glibc

/// Prints a line without buffering, even if standard output is a pipe.
func say(_ line: String) { writeAll(1, line + "\n") }

/// Prints a line to standard error.
func complain(_ line: String) { writeAll(2, line + "\n") }

private func writeAll(_ descriptor: Int32, _ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}

/// The colours of text on a terminal. They are not used if `NO_COLOR` is set (https://no-color.org) or `TERM` is
/// `dumb`.
struct TextStyle: Sendable {
    enum Colour: Int {
        case bold = 1, dim = 2, red = 31, green = 32, yellow = 33
    }

    let isColoured: Bool

    func paint(_ text: String, _ colour: Colour) -> String {
        isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }
}

extension TextStyle {
    /// The style for standard output.
    init(environment: [String: String]) {
        isColoured = isatty(1) == 1 && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }
}

enum TextLayout {
    static let width = 80

    /// Breaks a text into lines of at most ``width`` columns, after spaces or commas. A longer word is not broken. All
    /// lines but the first are indented.
    static func wrapped(_ text: String, indent: Int) -> String {
        var lines = [""]
        var word = ""
        func place() {
            if lines[lines.count - 1].count + word.reversed().drop(while: { $0 == " " }).count > width {
                lines.append(String(repeating: " ", count: indent))
            }
            lines[lines.count - 1] += word
            word = ""
        }
        for character in text {
            word.append(character)
            if character == " " || character == "," { place() }
        }
        place()
        return lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
    }

    /// A table whose columns are as wide as their widest cell.
    static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : padded(cell, widths[column])
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
