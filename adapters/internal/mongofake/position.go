package mongofake

import (
	"strconv"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// resolve turns a path with $, $[] or $[x] in it into the paths that it means in this document.
func (ch *change) resolve(doc bson.D, f *filter, path string) ([]string, error) {
	parts := strings.Split(path, ".")
	at := -1
	for i, part := range parts {
		if _, ok := arrayIdentifier(part); ok || part == "$" {
			at = i
			break
		}
	}
	if at < 0 {
		return []string{path}, nil
	}
	if at == 0 {
		return nil, fail(codeBadValue, "Cannot have positional (i.e. '$') element in the first position in path '%s'", path)
	}
	head := strings.Join(parts[:at], ".")
	list, ok := bsonkit.Get(&doc, head).(bson.A)
	if parts[at] == "$" {
		i := -1
		if ok && f != nil {
			i = f.position(doc, head, list)
		}
		if i < 0 {
			return nil, fail(codeBadValue, "The positional operator did not find the match needed from the query.")
		}
		return ch.resolve(doc, f, joined(head, i, parts[at+1:]))
	}
	if !ok {
		return nil, fail(codeBadValue, "The path '%s' must exist in the document in order to apply array updates.", head)
	}
	var paths []string
	identifier, _ := arrayIdentifier(parts[at])
	for i, item := range list {
		if identifier != "" {
			ok, err := ch.filters[identifier].matches(bson.D{{Key: identifier, Value: item}})
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		more, err := ch.resolve(doc, f, joined(head, i, parts[at+1:]))
		if err != nil {
			return nil, err
		}
		paths = append(paths, more...)
	}
	return paths, nil
}

func joined(head string, index int, tail []string) string {
	return strings.Join(append([]string{head, strconv.Itoa(index)}, tail...), ".")
}

// position is the first element of the array at path by which the filter matches the document.
func (f *filter) position(doc bson.D, path string, list bson.A) int {
	var about bson.D
	for _, e := range f.query {
		if e.Key == path || strings.HasPrefix(e.Key, path+".") || strings.HasPrefix(e.Key, "$") {
			about = append(about, e)
		}
	}
	if about == nil {
		return -1
	}
	for i, item := range list {
		alone := *bsonkit.Clone(&doc)
		if _, err := bsonkit.Put(&alone, path, bson.A{item}, false); err != nil {
			return -1
		}
		if ok, err := mongokit.Match(&alone, &about); err == nil && ok {
			return i
		}
	}
	return -1
}
