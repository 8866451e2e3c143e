package mongofake

import (
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// collator compares text as people of a locale do. It works by folding: every text in a value is
// replaced by its sort key, and the values are compared as ever. A nil collator compares bytes.
type collator struct {
	spec bson.D // complete, as listIndexes shows it
	*folding
}

// folding is what a collator does; one instance for equal specs, so that they can be compared.
type folding struct {
	mu     sync.Mutex
	ask    *collate.Collator
	buffer collate.Buffer
}

var collators sync.Map // by the key of their spec

// collation is what a statement asks for, or else the collection's.
func (c *call) collation(coll *collection, a args) (*collator, error) {
	spec, err := a.optDocument("collation")
	if err != nil {
		return nil, err
	}
	if spec == nil {
		if coll == nil {
			return nil, nil
		}
		return coll.collator, nil
	}
	return c.parseCollation(spec)
}

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
		case "locale", "strength", "numericOrdering", "version":
		default:
			c.server.config.Printf("collation: %s", e.Key)
			return nil, fail(codeBadValue, "collation: %s is not supported", e.Key)
		}
	}
	locale, ok := full[0].Value.(string)
	if !ok {
		return nil, fail(codeMissingField, "Missing expected field \"locale\"")
	}
	if locale == "simple" {
		return nil, nil
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
	if truthy(lookup(full, "numericOrdering")) {
		options = append(options, collate.Numeric)
	}
	made := &collator{spec: full, folding: &folding{ask: collate.New(tag, options...)}}
	one, _ := collators.LoadOrStore(keyOf(full), made)
	return one.(*collator), nil
}

// fold is v with every text replaced by its sort key.
func (c *collator) fold(v any) any {
	if c == nil {
		return v
	}
	switch v := v.(type) {
	case string:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.buffer.Reset()
		return string(c.ask.KeyFromString(&c.buffer, v))
	case bson.D:
		d := make(bson.D, len(v))
		for i, e := range v {
			d[i] = e
			if e.Key != "$type" { // in a query, a name and not a value
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
	case pattern, compiled:
		panic("$regex or $expr under a collation")
	}
	return v
}

func hasText(v any) bool {
	switch v := v.(type) {
	case string:
		return true
	case bson.D:
		for _, e := range v {
			if hasText(e.Value) {
				return true
			}
		}
	case bson.A:
		for _, item := range v {
			if hasText(item) {
				return true
			}
		}
	}
	return false
}
