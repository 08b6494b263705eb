package syscalls

import "strings"

// Nearest is the known name that name was probably meant to be: the same in
// another case, or else the one with the smallest edit distance (insert,
// delete, replace, swap two neighbours), the first in byte order among equals.
// ok is false where the best is further than a third of the length of name,
// and where name is absurdly long. The cost is one distance for each known
// name of similar length, tens of microseconds in all.
func Nearest(name string) (nearest string, ok bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	if Known(name) {
		return name, true
	}
	if len(name) > longestTypo {
		return "", false
	}
	best := len(name)/3 + 1
	for id := range numNames {
		candidate := nameOf(id)
		if abs(len(candidate)-len(name)) >= best {
			continue
		}
		if d := distance(name, candidate); d < best {
			best, nearest, ok = d, candidate, true
		}
	}
	return nearest, ok
}

// longestTypo bounds the work of Nearest; the longest name has 28 bytes.
const longestTypo = 64

// distance is the number of edits that turn a into b (optimal string
// alignment: no part is edited twice). Three rows of the usual table suffice.
func distance(a, b string) int {
	var rows [3][longestTypo + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			d := min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}

func abs(n int) int { return max(n, -n) }
