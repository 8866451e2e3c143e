package mongofake

import (
	"regexp"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// collator compares text by the rules of a locale. It folds: it replaces every text in a value by its
// sort key, and the folded values are compared like any others. A nil collator compares bytes.
type collator struct {
	spec bson.D // complete, as listIndexes returns it

	mu     sync.Mutex
	keys   *collate.Collator
	buffer collate.Buffer
}

var collators sync.Map // by the key of their spec: equal specs share a collator, so that == compares them

func (c *call) parseCollation(spec bson.D) (*collator, error) {
	full := bson.D{
		{Key: "locale", Value: nil}, {Key: "caseLevel", Value: false}, {Key: "caseFirst", Value: "off"},
		{Key: "strength", Value: int32(3)}, {Key: "numericOrdering", Value: false},
		{Key: "alternate", Value: "non-ignorable"}, {Key: "maxVariable", Value: "punct"},
		{Key: "normalization", Value: false}, {Key: "backwards", Value: false}, {Key: "version", Value: "57.1"},
	}
	for _, e := range spec {
		known := false
		for i := range full {
			if full[i].Key == e.Key {
				full[i].Value, known = e.Value, true
			}
		}
		if !known {
			return nil, fail(codeFailedToParse, "Unknown collation field %q", e.Key)
		}
		switch e.Key {
		case "locale", "strength", "version":
		default:
			c.server.config.Printf("collation: %s", e.Key)
			return nil, fail(codeBadValue, "collation: %s is not supported", e.Key)
		}
	}
	locale, ok := full[0].Value.(string)
	if !ok {
		return nil, fail(codeMissingField, "Missing expected field \"locale\"")
	}
	tag, err := language.Parse(locale)
	if err != nil {
		return nil, fail(codeBadValue, "Field 'locale' is invalid in: %s", locale)
	}
	strength, ok := integer(lookup(full, "strength"))
	if !ok || strength < 1 || strength > 5 {
		return nil, fail(codeFailedToParse, "Field 'strength' must be an integer 1 through 5")
	}
	full[3].Value = int32(strength)
	var options []collate.Option
	if strength < 3 {
		options = append(options, collate.IgnoreCase)
	}
	if strength < 2 {
		options = append(options, collate.IgnoreDiacritics)
	}
	one, _ := collators.LoadOrStore(keyOf(full), &collator{spec: full, keys: collate.New(tag, options...)})
	return one.(*collator), nil
}

// fold returns v with every text replaced by its sort key.
func (c *collator) fold(v any) any {
	if c == nil {
		return v
	}
	switch v := v.(type) {
	case string:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.buffer.Reset()
		return string(c.keys.KeyFromString(&c.buffer, v))
	case bson.D:
		d := make(bson.D, len(v))
		for i, e := range v {
			d[i] = e
			if e.Key != "$type" { // in a query, its operand names a type
				d[i].Value = c.fold(e.Value)
			}
		}
		return d
	case bson.A:
		a := make(bson.A, len(v))
		for i, item := range v {
			a[i] = c.fold(item)
		}
		return a
	case *regexp.Regexp, compiled:
		panic("a regular expression or $expr under a collation")
	}
	return v
}
