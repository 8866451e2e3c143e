package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// projection is what find and findAndModify show of a document. A nil one shows all.
type projection struct {
	fields    *fieldTree
	inclusive bool
	withID    bool
	filter    *filter // for the positional a.$
}

// fieldTree is one level of fields that a projection names.
type fieldTree struct {
	order []string
	nodes map[string]*fieldNode
}

type fieldNode struct {
	below *fieldTree
	how   func(value any, doc bson.D) (any, error) // what to show instead of the value; nil shows it
}

func newFieldTree() *fieldTree { return &fieldTree{nodes: map[string]*fieldNode{}} }

// at makes the node of a path. It is nil where the path meets another one.
func (t *fieldTree) at(path string) *fieldNode {
	name, rest, deeper := strings.Cut(path, ".")
	node := t.nodes[name]
	switch {
	case node == nil:
		node = &fieldNode{}
		if deeper {
			node.below = newFieldTree()
		}
		t.nodes[name] = node
		t.order = append(t.order, name)
	case !deeper || node.below == nil:
		return nil
	}
	if deeper {
		return node.below.at(rest)
	}
	return node
}

// parseProjection reads the projection of a find.
func (c *call) parseProjection(spec bson.D, f *filter) (*projection, error) {
	if len(spec) == 0 {
		return nil, nil
	}
	p := &projection{fields: newFieldTree(), withID: true, filter: f}
	including, excluding := false, false
	for _, e := range spec {
		if e.Key == "_id" && !isDocument(e.Value) {
			p.withID = truthy(e.Value)
			continue
		}
		path, positional := strings.CutSuffix(e.Key, ".$")
		node := p.fields.at(path)
		if node == nil {
			return nil, fail(codeBadValue, "Projection has a path collision at %s", e.Key)
		}
		d, ok := e.Value.(bson.D)
		switch {
		case ok:
			shows, err := c.projectOperator(node, d)
			if err != nil {
				return nil, err
			}
			including = including || shows
		case positional:
			node.how = p.positional(path)
			including = true
		case truthy(e.Value):
			including = true
		default:
			excluding = true
		}
	}
	if including && excluding {
		return nil, fail(codeBadValue, "Projection cannot have a mix of inclusion and exclusion.")
	}
	p.inclusive = including || !excluding && p.withID && len(p.fields.order) == 0
	return p, nil
}

func isDocument(v any) bool {
	_, ok := v.(bson.D)
	return ok
}

// projectOperator reads {$slice: …} and {$elemMatch: …}, and says whether it makes the projection show
// only what it names.
func (c *call) projectOperator(node *fieldNode, d bson.D) (bool, error) {
	if len(d) != 1 || d[0].Key != "$slice" && d[0].Key != "$elemMatch" {
		c.server.config.Printf("unsupported projection option: %v", d)
		return false, fail(codeBadValue, "Unsupported projection option: %v", d)
	}
	if d[0].Key == "$slice" {
		skip, limit, err := sliceBounds(d[0].Value)
		node.how = func(value any, _ bson.D) (any, error) { return slicePart(value, skip, limit), nil }
		return false, err
	}
	rewritten, err := c.rewriteCondition(d)
	if err != nil {
		return false, err
	}
	query := bson.D{{Key: "x", Value: rewritten}}
	node.how = func(value any, _ bson.D) (any, error) {
		list, _ := value.(bson.A)
		for _, item := range list {
			if ok, err := mongokit.Match(&bson.D{{Key: "x", Value: bson.A{item}}}, &query); err != nil || ok {
				return bson.A{item}, err
			}
		}
		return bsonkit.Missing, nil
	}
	return true, nil
}

// positional shows of an array the element by which the filter matched.
func (p *projection) positional(path string) func(any, bson.D) (any, error) {
	return func(value any, doc bson.D) (any, error) {
		list, ok := value.(bson.A)
		if !ok {
			return value, nil
		}
		i := p.filter.position(doc, path, list)
		if i < 0 {
			return nil, fail(codeBadValue, "positional operator '%s.$' requires corresponding field in query specifier", path)
		}
		return bson.A{list[i]}, nil
	}
}

func sliceBounds(v any) (skip, limit int64, err error) {
	n, ok := integer(v)
	if ok {
		return min(n, 0), max(n, -n), nil
	}
	list, isList := v.(bson.A)
	if !isList || len(list) != 2 {
		return 0, 0, fail(codeBadValue, "$slice only supports numbers and [skip, limit] arrays")
	}
	skip, ok = integer(list[0])
	limit, ok2 := integer(list[1])
	if !ok || !ok2 || limit <= 0 {
		return 0, 0, fail(codeBadValue, "$slice limit must be positive")
	}
	return skip, limit, nil
}

func slicePart(value any, skip, limit int64) any {
	list, ok := value.(bson.A)
	if !ok {
		return value
	}
	size := int64(len(list))
	if skip < 0 {
		skip = max(size+skip, 0)
	}
	skip = min(skip, size)
	return slices.Clone(list[skip:min(skip+limit, size)])
}

func (p *projection) apply(doc bson.D) (bson.D, error) {
	if p == nil {
		return doc, nil
	}
	out := bson.D{}
	if id := bsonkit.Get(&doc, "_id"); p.withID && p.inclusive && id != bsonkit.Missing && p.fields.nodes["_id"] == nil {
		out = append(out, bson.E{Key: "_id", Value: id})
	}
	return p.show(out, p.fields, doc, doc, true)
}

// show appends to out what the tree shows of d, a part of root.
func (p *projection) show(out bson.D, tree *fieldTree, d, root bson.D, top bool) (bson.D, error) {
	for _, e := range d {
		if top && e.Key == "_id" && (p.inclusive || !p.withID) && tree.nodes["_id"] == nil {
			continue
		}
		node := tree.nodes[e.Key]
		if node == nil {
			if !p.inclusive {
				out = append(out, e)
			}
			continue
		}
		value, err := p.showValue(node, e.Value, root)
		if err != nil {
			return nil, err
		}
		if value != bsonkit.Missing {
			out = append(out, bson.E{Key: e.Key, Value: value})
		}
	}
	return out, nil
}

func (p *projection) showValue(node *fieldNode, value any, root bson.D) (any, error) {
	switch {
	case node.how != nil:
		return node.how(value, root)
	case node.below == nil && p.inclusive:
		return value, nil
	case node.below == nil:
		return bsonkit.Missing, nil
	}
	switch value := value.(type) {
	case bson.D:
		return p.show(bson.D{}, node.below, value, root, false)
	case bson.A:
		list := bson.A{}
		for _, item := range value {
			shown, err := p.showValue(node, item, root)
			if err != nil {
				return nil, err
			}
			if shown != bsonkit.Missing {
				list = append(list, shown)
			}
		}
		return list, nil
	}
	if p.inclusive {
		return bsonkit.Missing, nil
	}
	return value, nil
}
