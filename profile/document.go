package profile

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
)

// This file writes documents. A document becomes a tree of values first, and
// the tree is laid out: what fits on the rest of a line stands on it, a longer
// list of words fills its lines, everything else has a line for each part.

// Write writes p as a document that [Parse] reads as p but for the positions:
// every key of every dialect that p holds, comments too. The same p gives the
// same bytes.
func (p *Profile) Write(w io.Writer) error {
	l := layout{}
	l.lines(p.value(), 0)
	l.WriteByte('\n')
	_, err := w.Write(l.Bytes())
	return err
}

// value is a JSON value to be written.
type value struct {
	kind kind
	text string // of what is neither a list nor an object
	keys []string
	list []value // the elements of a list, the values of an object's keys
}

// with is an object with one more key.
func (v value) with(key string, member value) value {
	v.keys, v.list = append(v.keys, key), append(v.list, member)
	return v
}

// withText is an object with a string, unless the document does not have it.
func (v value) withText(key string, t Text) value {
	if t.Value == "" && !t.At.Written() {
		return v
	}
	return v.with(key, t.value())
}

func (v value) withNumber(key string, n *Number) value {
	if n == nil {
		return v
	}
	return v.with(key, n.value())
}

// withList is an object with a list, unless the list is nil.
func withList[T any](v value, key string, list []T, element func(T) value) value {
	if list == nil {
		return v
	}
	out := value{kind: kindArray}
	for _, e := range list {
		out.list = append(out.list, element(e))
	}
	return v.with(key, out)
}

func (t Text) value() value {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(t.Value) // a string always has a form, and a buffer takes it
	return value{kind: kindString, text: string(bytes.TrimSpace(b.Bytes()))}
}

func (n Number) value() value {
	return value{kind: kindNumber, text: strconv.FormatUint(n.Value, 10)}
}

func (p *Profile) value() value {
	v := value{kind: kindObject}
	v = v.withText("defaultAction", p.DefaultAction)
	v = v.withNumber("defaultErrnoRet", p.DefaultErrnoRet)
	v = v.withText("defaultErrno", p.DefaultErrno)
	v = withList(v, "architectures", p.Architectures, Text.value)
	v = withList(v, "archMap", p.ArchMap, ArchMap.value)
	v = withList(v, "flags", p.Flags, Text.value)
	v = v.withText("listenerPath", p.ListenerPath)
	v = v.withText("listenerMetadata", p.ListenerMetadata)
	return withList(v, "syscalls", p.Syscalls, Rule.value)
}

func (m ArchMap) value() value {
	v := value{kind: kindObject}.withText("architecture", m.Architecture)
	return withList(v, "subArchitectures", m.SubArchitectures, Text.value)
}

func (r Rule) value() value {
	if r.Null {
		return value{kind: kindNull, text: "null"}
	}
	v := value{kind: kindObject}
	v = v.withText("comment", r.Comment)
	v = v.withText("name", r.Name)
	v = withList(v, "names", r.Names, Text.value)
	v = v.withText("action", r.Action)
	v = v.withNumber("errnoRet", r.ErrnoRet)
	v = v.withText("errno", r.Errno)
	v = withList(v, "args", r.Args, Arg.value)
	v = v.withFilter("includes", r.Includes)
	return v.withFilter("excludes", r.Excludes)
}

func (a Arg) value() value {
	if a.Null {
		return value{kind: kindNull, text: "null"}
	}
	v := value{kind: kindObject}.with("index", a.Index.value()).with("value", a.Value.value())
	if a.ValueTwo.Value != 0 {
		v = v.with("valueTwo", a.ValueTwo.value())
	}
	return v.withText("op", a.Op)
}

func (v value) withFilter(key string, f *Filter) value {
	if f == nil {
		return v
	}
	filter := withList(value{kind: kindObject}, "caps", f.Caps, Text.value)
	filter = withList(filter, "arches", f.Arches, Text.value)
	if f.MinKernel != nil {
		filter = filter.with("minKernel", f.MinKernel.Text.value())
	}
	return v.with(key, filter)
}

// width is the length in bytes to which a line is filled.
const width = 100

// layout is the text of a document.
type layout struct{ bytes.Buffer }

// line writes v on one line.
func (l *layout) line(v value) {
	l.WriteString(v.opening())
	for i, e := range v.list {
		if i > 0 {
			l.WriteString(", ")
		}
		if v.kind == kindObject {
			l.key(v.keys[i])
		}
		l.line(e)
	}
	l.WriteString(v.closing())
}

// lines writes v behind what stands on the line, with its parts on lines of
// their own, at the given depth.
func (l *layout) lines(v value, depth int) {
	l.WriteString(v.opening())
	for i, e := range v.list {
		if v.fills() && i > 0 && l.column()+len(e.text)+3 <= width {
			l.WriteByte(' ')
		} else {
			l.newline(depth + 1)
		}
		if v.kind == kindObject {
			l.key(v.keys[i])
		}
		l.fit(e, depth+1)
		if i < len(v.list)-1 {
			l.WriteByte(',')
		}
	}
	if len(v.list) > 0 {
		l.newline(depth)
	}
	l.WriteString(v.closing())
}

// fit writes v on the rest of the line if it fits, and on several otherwise.
func (l *layout) fit(v value, depth int) {
	start, column := l.Len(), l.column()
	l.line(v)
	if column+l.Len()-start+1 <= width {
		return
	}
	l.Truncate(start)
	l.lines(v, depth)
}

func (l *layout) key(key string) {
	l.WriteString(Text{Value: key}.value().text)
	l.WriteString(": ")
}

func (l *layout) newline(depth int) {
	l.WriteByte('\n')
	for range depth {
		l.WriteString("  ")
	}
}

// column is the length of the last line in bytes.
func (l *layout) column() int {
	return l.Len() - 1 - bytes.LastIndexByte(l.Bytes(), '\n')
}

func (v value) opening() string {
	switch v.kind {
	case kindArray:
		return "["
	case kindObject:
		return "{"
	}
	return v.text
}

func (v value) closing() string {
	switch v.kind {
	case kindArray:
		return "]"
	case kindObject:
		return "}"
	}
	return ""
}

// fills reports whether v is a list of words.
func (v value) fills() bool {
	return v.kind == kindArray && len(v.list) > 0 && v.list[0].kind == kindString
}
