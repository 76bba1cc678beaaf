/// Dates as text without a calendar library.
enum Timestamp {
    /// `2026-03-01T12:34:56.789Z` (RFC 3339, UTC, milliseconds).
    static func append(unixMs: Int64, to out: inout [UInt8]) {
        let (days, msOfDay) = split(unixMs)
        let (year, month, day) = civilDate(daysSince1970: days)
        append(year, width: 4, to: &out)
        out.append(UInt8(ascii: "-"))
        append(month, width: 2, to: &out)
        out.append(UInt8(ascii: "-"))
        append(day, width: 2, to: &out)
        out.append(UInt8(ascii: "T"))
        appendTime(msOfDay: msOfDay, to: &out)
    }

    /// `12:34:56.789Z`.
    static func appendTime(unixMs: Int64, to out: inout [UInt8]) {
        appendTime(msOfDay: split(unixMs).msOfDay, to: &out)
    }

    private static func appendTime(msOfDay: Int64, to out: inout [UInt8]) {
        append(msOfDay / 3_600_000, width: 2, to: &out)
        out.append(UInt8(ascii: ":"))
        append(msOfDay / 60_000 % 60, width: 2, to: &out)
        out.append(UInt8(ascii: ":"))
        append(msOfDay / 1_000 % 60, width: 2, to: &out)
        out.append(UInt8(ascii: "."))
        append(msOfDay % 1_000, width: 3, to: &out)
        out.append(UInt8(ascii: "Z"))
    }

    /// Rounded down, so that times before 1970 come out right as well. Bounded to the years 0000 to 9999.
    private static func split(_ unixMs: Int64) -> (days: Int64, msOfDay: Int64) {
        let bounded = min(253_402_300_799_999, max(-62_167_219_200_000, unixMs))
        let dayMs: Int64 = 86_400_000
        let msOfDay = ((bounded % dayMs) + dayMs) % dayMs
        return ((bounded - msOfDay) / dayMs, msOfDay)
    }

    /// The Gregorian date. Years are counted from 1 March, so that the leap day is a year's last; 400 years have
    /// 146,097 days (the arithmetic of H. Hinnant's *chrono-compatible low-level date algorithms*).
    private static func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // 719,468 days lie between 1 March of the year 0 and 1970. The year 0 begins two months before that day.
        let days = daysSince1970 + 719_468 + 146_097
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return ((era - 1) * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    private static func append(_ value: Int64, width: Int, to out: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            out.append(UInt8(value / divisor % 10) + 48)
            divisor /= 10
        }
    }
}
