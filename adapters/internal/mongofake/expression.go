package mongofake

import (
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// compiled is a checked aggregation expression.
type compiled struct{ node }

// node is a part of an expression.
type node interface {
	eval(doc bson.D) (any, error)
}

type (
	literal   struct{ value any }
	fieldPath struct{ path string }
	array     []node
	object    []property
	root      struct{} // the whole document
)

func (root) eval(doc bson.D) (any, error) { return doc, nil }

// property is a field of a document that an expression makes.
type property struct {
	name string
	node
}

// eval returns a document. If the value of a field is missing, the document does not have the field.
func (o object) eval(doc bson.D) (any, error) {
	made := bson.D{}
	for _, p := range o {
		value, err := p.node.eval(doc)
		if err != nil {
			return nil, err
		}
		if value != bsonkit.Missing {
			made = append(made, bson.E{Key: p.name, Value: value})
		}
	}
	return made, nil
}

func (l literal) eval(bson.D) (any, error) { return l.value, nil }

func (f fieldPath) eval(doc bson.D) (any, error) {
	return descend(doc, strings.Split(f.path, ".")), nil
}

// descend follows a field path. In an array it follows the path through every element.
func descend(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	switch v := value.(type) {
	case bson.D:
		if has(v, path[0]) {
			return descend(lookup(v, path[0]), path[1:])
		}
	case bson.A:
		out := bson.A{}
		for _, item := range v {
			if found := descend(item, path); found != bsonkit.Missing {
				out = append(out, found)
			}
		}
		return out
	}
	return bsonkit.Missing
}

func (a array) eval(doc bson.D) (any, error) {
	list := make(bson.A, len(a))
	for i, n := range a {
		value, err := n.eval(doc)
		if err != nil {
			return nil, err
		}
		list[i] = present(value)
	}
	return list, nil
}

// present returns the value, or null if it is missing.
func present(v any) any {
	if v == bsonkit.Missing {
		return nil
	}
	return v
}

// parser reads expressions.
type parser struct {
	unknown   func(name string)
	variables map[string]any
}

func (c *call) parseExpression(v any) (compiled, error) {
	p := parser{func(name string) { c.server.config.Printf("unknown expression: %s", name) }, c.variables}
	n, err := p.parse(v)
	return compiled{n}, err
}

func (p parser) parse(v any) (node, error) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "$") {
			return p.parsePath(v)
		}
	case bson.A:
		return p.parseList(v)
	case bson.D:
		if len(v) == 0 || !strings.HasPrefix(v[0].Key, "$") {
			return p.parseObject(v)
		}
		if len(v) != 1 {
			return nil, fail(15983, "An object representing an expression must have exactly one field: %v", v)
		}
		return p.parseOperator(v[0].Key, v[0].Value)
	}
	return literal{v}, nil
}

func (p parser) parseList(list bson.A) (array, error) {
	nodes := make(array, len(list))
	for i, item := range list {
		n, err := p.parse(item)
		if err != nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

func (p parser) parseObject(v bson.D) (object, error) {
	made := make(object, len(v))
	for i, e := range v {
		if strings.Contains(e.Key, ".") {
			return nil, fail(40352, "FieldPath field names may not contain '.'.")
		}
		n, err := p.parse(e.Value)
		if err != nil {
			return nil, err
		}
		made[i] = property{e.Key, n}
	}
	return made, nil
}

func (p parser) parsePath(s string) (node, error) {
	path := s[1:]
	if s == "$$ROOT" {
		return root{}, nil
	}
	if strings.HasPrefix(path, "$") {
		way := strings.Split(path[1:], ".")
		if value, known := p.variables[way[0]]; known {
			return literal{descend(value, way[1:])}, nil
		}
		p.unknown(s)
		return nil, fail(17276, "Use of undefined variable: %s", path[1:])
	}
	if path == "" || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") {
		return nil, fail(16872, "'$' by itself is not a valid FieldPath")
	}
	return fieldPath{path}, nil
}

func (p parser) parseOperator(name string, v any) (node, error) {
	op, ok := operators[name]
	if !ok {
		p.unknown(name)
		return nil, fail(codeUnknownExpression, "Unrecognized expression '%s'", name)
	}
	var operands array
	var err error
	if list, ok := v.(bson.A); ok {
		operands, err = p.parseList(list)
	} else {
		var n node
		n, err = p.parse(v)
		operands = array{n}
	}
	if err != nil {
		return nil, err
	}
	if n := len(operands); n < op.least || op.most >= 0 && n > op.most {
		return nil, fail(16020, "Expression %s takes other than %d arguments", name, n)
	}
	return application{op, operands}, nil
}

// operator is an expression operator. Its operands are evaluated before it is applied.
type operator struct {
	least, most int // the number of operands; -1 means no maximum
	apply       func(operands []any) (any, error)
}

type application struct {
	operator
	operands array
}

func (a application) eval(doc bson.D) (any, error) {
	values := make([]any, len(a.operands))
	for i, n := range a.operands {
		value, err := n.eval(doc)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return a.apply(values)
}

func nullish(v any) bool {
	switch v.(type) {
	case nil, missing, primitive.Undefined:
		return true
	}
	return false
}
