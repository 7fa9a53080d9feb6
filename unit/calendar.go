package unit

import (
	"regexp"
	"strconv"
	"strings"
)

// calendarWords are whole times of the calendar (systemd.time(7)).
var calendarWords = strings.Fields("minutely hourly daily weekly monthly quarterly semiannually biannually bi-annually semi-annually yearly annually anually")

var (
	weekdays  = regexp.MustCompile(`(?i)^(mon|tue|wed|thu|fri|sat|sun)(day|sday|nesday|rsday|urday)?$`)
	component = regexp.MustCompile(`^(\*|[0-9]+(\.[0-9]+)?(\.\.[0-9]+(\.[0-9]+)?)?)(/[0-9]+(\.[0-9]+)?)?$`)
	zone      = regexp.MustCompile(`^(UTC|[A-Z][A-Za-z_+-]*(/[A-Za-z0-9_+-]+)*)$`)
)

const calendarForm = "is no time of the calendar; write daily, Mon..Fri 03:00, *-*-01 04:30:00 or the like"

// calendarProblem checks OnCalendar= (systemd.time(7), "Calendar Events").
func calendarProblem(s string) string {
	if contains(calendarWords, strings.ToLower(s)) {
		return ""
	}
	if seconds, ok := strings.CutPrefix(s, "@"); ok {
		if _, err := strconv.ParseUint(seconds, 10, 64); err != nil {
			return calendarForm
		}
		return ""
	}
	parts := strings.Fields(s)
	if n := len(parts); n > 1 && zone.MatchString(parts[n-1]) && !onWeekdays(parts[n-1]) {
		if parts = parts[:n-1]; len(parts) == 1 && contains(calendarWords, strings.ToLower(parts[0])) {
			return ""
		}
	}
	if len(parts) > 0 && onWeekdays(strings.TrimSuffix(parts[0], ",")) {
		if parts = parts[1:]; len(parts) == 0 {
			return ""
		}
	}
	if len(parts) > 0 && !strings.Contains(parts[0], ":") {
		if p := dateProblem(parts[0]); p != "" {
			return p
		}
		if parts = parts[1:]; len(parts) == 0 {
			return ""
		}
	}
	if len(parts) != 1 {
		return calendarForm
	}
	time := strings.Split(parts[0], ":")
	if len(time) < 2 || len(time) > 3 {
		return calendarForm
	}
	for i, c := range time {
		if p := componentProblem(c, 0, []int{23, 59, 59}[i], i == 2); p != "" {
			return p
		}
	}
	return ""
}

func onWeekdays(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(part, "..")
		if !ranged {
			if from, to, ranged = strings.Cut(part, "-"); !ranged {
				to = from
			}
		}
		if !weekdays.MatchString(from) || !weekdays.MatchString(to) {
			return false
		}
	}
	return true
}

// dateProblem checks [year-]month-day, in which "~" counts days from the month's end.
func dateProblem(s string) string {
	fields := strings.Split(strings.Replace(s, "~", "-", 1), "-")
	if len(fields) < 2 || len(fields) > 3 {
		return calendarForm
	}
	bounds := [][2]int{{1, 12}, {1, 31}}
	if len(fields) == 3 {
		bounds = append([][2]int{{0, 2199}}, bounds...)
	}
	for i, c := range fields {
		if p := componentProblem(c, bounds[i][0], bounds[i][1], false); p != "" {
			return p
		}
	}
	return ""
}

func componentProblem(s string, low, high int, fractions bool) string {
	for c := range strings.SplitSeq(s, ",") {
		if !component.MatchString(c) || !fractions && strings.Contains(strings.ReplaceAll(c, "..", ""), ".") {
			return calendarForm
		}
		c, step, stepped := strings.Cut(c, "/")
		if v, err := strconv.ParseFloat(step, 64); stepped && (err != nil || v == 0) {
			return calendarForm
		}
		from, to, ranged := strings.Cut(c, "..")
		if !ranged {
			to = from
		}
		if from == "*" {
			continue
		}
		a, errA := strconv.ParseFloat(from, 64)
		b, errB := strconv.ParseFloat(to, 64)
		if errA != nil || errB != nil || a < float64(low) || b >= float64(high+1) || a > b {
			return "has " + strconv.Quote(c) + ", which is out of range; it is from " + strconv.Itoa(low) + " to " + strconv.Itoa(high)
		}
	}
	return ""
}
