package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// projection selects the fields that find and findAndModify return. A nil projection selects all.
type projection struct {
	included fieldTree // if it is nil, all fields but the excluded ones are selected
	excluded []string
}

// fieldTree holds the selected fields by name.
type fieldTree map[string]*projected

// projected is a selected field. With neither below nor match, its whole value is returned.
type projected struct {
	below fieldTree // the fields to return of a document, or of each document of an array
	match bson.D    // a query for x; of an array, the first element that matches is returned
}

// at adds a path. It returns nil if the path collides with another.
func (t fieldTree) at(path string) *projected {
	name, rest, deeper := strings.Cut(path, ".")
	field := t[name]
	switch {
	case field == nil:
		field = &projected{}
		if deeper {
			field.below = fieldTree{}
		}
		t[name] = field
	case !deeper || field.below == nil:
		return nil
	}
	if deeper {
		return field.below.at(rest)
	}
	return field
}

// parseProjection parses a projection.
func (c *call) parseProjection(spec bson.D) (*projection, error) {
	if len(spec) == 0 {
		return nil, nil
	}
	p, included := &projection{}, fieldTree{}
	for _, e := range spec {
		d, ok := e.Value.(bson.D)
		excludes := !ok && !truthy(e.Value)
		if strings.Contains(e.Key, "$") || ok && (len(d) != 1 || d[0].Key != "$elemMatch") ||
			excludes && strings.Contains(e.Key, ".") {
			c.server.config.Printf("unsupported projection of %s: %v", e.Key, e.Value)
			return nil, fail(codeBadValue, "Unsupported projection option: %s: %v", e.Key, e.Value)
		}
		if excludes {
			p.excluded = append(p.excluded, e.Key)
			continue
		}
		field := included.at(e.Key)
		if field == nil {
			return nil, fail(codeBadValue, "Projection has a path collision at %s", e.Key)
		}
		if ok {
			condition, err := c.rewriteCondition(d)
			if err != nil {
				return nil, err
			}
			field.match = bson.D{{Key: "x", Value: condition}}
		}
	}
	switch {
	case len(included) == 0:
		return p, nil
	case slices.ContainsFunc(p.excluded, func(name string) bool { return name != "_id" }):
		return nil, fail(codeBadValue, "Projection cannot have a mix of inclusion and exclusion.")
	case len(p.excluded) == 0 && included["_id"] == nil:
		included["_id"] = &projected{}
	}
	p.included = included
	return p, nil
}

func isDocument(v any) bool {
	_, ok := v.(bson.D)
	return ok
}

// apply returns the fields of d that p selects.
func (p *projection) apply(d bson.D) (bson.D, error) {
	switch {
	case p == nil:
		return d, nil
	case p.included == nil:
		return slices.DeleteFunc(slices.Clone(d), func(e bson.E) bool { return slices.Contains(p.excluded, e.Key) }), nil
	}
	return p.included.apply(d)
}

func (t fieldTree) apply(d bson.D) (bson.D, error) {
	out := bson.D{}
	for _, e := range d {
		field := t[e.Key]
		if field == nil {
			continue
		}
		value, err := field.apply(e.Value)
		if err != nil {
			return nil, err
		}
		if value != bsonkit.Missing {
			out = append(out, bson.E{Key: e.Key, Value: value})
		}
	}
	return out, nil
}

func (f *projected) apply(value any) (any, error) {
	switch {
	case f.match != nil:
		return f.firstMatch(value)
	case f.below == nil:
		return value, nil
	}
	switch value := value.(type) {
	case bson.D:
		return f.below.apply(value)
	case bson.A:
		list := bson.A{}
		for _, item := range value {
			shown, err := f.apply(item)
			if err != nil {
				return nil, err
			}
			if shown != bsonkit.Missing {
				list = append(list, shown)
			}
		}
		return list, nil
	}
	return bsonkit.Missing, nil
}

func (f *projected) firstMatch(value any) (any, error) {
	list, _ := value.(bson.A)
	for _, item := range list {
		if ok, err := mongokit.Match(&bson.D{{Key: "x", Value: bson.A{item}}}, &f.match); err != nil || ok {
			return bson.A{item}, err
		}
	}
	return bsonkit.Missing, nil
}
