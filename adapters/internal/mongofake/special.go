package mongofake

import (
	"go.mongodb.org/mongo-driver/bson"
)

// specials are the expressions that do not evaluate all their operands, or name variables.
var specials map[string]func(p parser, v any) (node, error)

func init() { // in init, because they refer to the parser, and it to them
	specials = map[string]func(p parser, v any) (node, error){
		"$literal": func(_ parser, v any) (node, error) { return literal{v}, nil },
		"$const":   func(_ parser, v any) (node, error) { return literal{v}, nil },
		"$and":     parseAnd,
		"$or":      parseOr,
		"$cond":    parseCond,
		"$ifNull":  parseIfNull,
		"$switch":  parseSwitch,
		"$let":     parseLet,
		"$map":     parseMap,
		"$filter":  parseFilterExpression,
		"$reduce":  parseReduce,
	}
}

type nodeFunc func(scope) (any, error)

func (f nodeFunc) eval(s scope) (any, error) { return f(s) }

// logical evaluates until an operand decides.
func logical(p parser, v any, decides bool) (node, error) {
	list, ok := v.(bson.A)
	if !ok {
		list = bson.A{v}
	}
	nodes, err := p.parseList(list)
	return nodeFunc(func(s scope) (any, error) {
		for _, n := range nodes {
			value, err := n.eval(s)
			if err != nil {
				return nil, err
			}
			if truthy(value) == decides {
				return decides, nil
			}
		}
		return !decides, nil
	}), err
}

func parseAnd(p parser, v any) (node, error) { return logical(p, v, false) }
func parseOr(p parser, v any) (node, error)  { return logical(p, v, true) }

// parts reads the named operands of an expression; all that are required must be there.
func (p parser) parts(name string, v any, required ...string) (map[string]node, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, fail(codeFailedToParse, "%s only supports an object as its argument", name)
	}
	nodes := map[string]node{}
	for _, e := range d {
		n, err := p.parse(e.Value)
		if err != nil {
			return nil, err
		}
		nodes[e.Key] = n
	}
	for _, key := range required {
		if nodes[key] == nil {
			return nil, fail(codeFailedToParse, "Missing '%s' parameter to %s", key, name)
		}
	}
	if len(nodes) > len(required) {
		return nil, fail(codeFailedToParse, "Unrecognized parameter to %s", name)
	}
	return nodes, nil
}

func parseCond(p parser, v any) (node, error) {
	if list, ok := v.(bson.A); ok {
		if len(list) != 3 {
			return nil, fail(16020, "Expression $cond takes exactly 3 arguments. %d were passed in.", len(list))
		}
		v = bson.D{{Key: "if", Value: list[0]}, {Key: "then", Value: list[1]}, {Key: "else", Value: list[2]}}
	}
	nodes, err := p.parts("$cond", v, "if", "then", "else")
	return nodeFunc(func(s scope) (any, error) {
		value, err := nodes["if"].eval(s)
		if err != nil {
			return nil, err
		}
		if truthy(value) {
			return nodes["then"].eval(s)
		}
		return nodes["else"].eval(s)
	}), err
}

func parseIfNull(p parser, v any) (node, error) {
	list, ok := v.(bson.A)
	if !ok || len(list) != 2 {
		return nil, fail(16020, "Expression $ifNull takes exactly 2 arguments.")
	}
	nodes, err := p.parseList(list)
	return nodeFunc(func(s scope) (any, error) {
		value, err := nodes[0].eval(s)
		if err != nil || !nullish(value) {
			return value, err
		}
		return nodes[1].eval(s)
	}), err
}

func parseSwitch(p parser, v any) (node, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, fail(40060, "$switch requires an object as an argument")
	}
	branches, ok := lookup(d, "branches").(bson.A)
	if !ok || len(branches) == 0 {
		return nil, fail(40068, "$switch requires at least one branch")
	}
	var cases []map[string]node
	for _, b := range branches {
		nodes, err := p.parts("$switch", b, "case", "then")
		if err != nil {
			return nil, err
		}
		cases = append(cases, nodes)
	}
	otherwise, err := p.parse(lookup(d, "default"))
	return nodeFunc(func(s scope) (any, error) {
		for _, nodes := range cases {
			value, err := nodes["case"].eval(s)
			if err != nil {
				return nil, err
			}
			if truthy(value) {
				return nodes["then"].eval(s)
			}
		}
		if !has(d, "default") {
			return nil, fail(40066, "$switch could not find a matching branch for an input, and no default was specified.")
		}
		return otherwise.eval(s)
	}), err
}

func parseLet(p parser, v any) (node, error) {
	d, _ := v.(bson.D)
	vars, ok := lookup(d, "vars").(bson.D)
	if !ok {
		return nil, fail(16876, "$let needs vars and in")
	}
	inner := p
	var values []node
	for _, e := range vars {
		n, err := p.parse(e.Value)
		if err != nil {
			return nil, err
		}
		values = append(values, n)
		inner = inner.with(e.Key)
	}
	body, err := inner.parse(lookup(d, "in"))
	return nodeFunc(func(s scope) (any, error) {
		within := s
		for i, n := range values {
			value, err := n.eval(s)
			if err != nil {
				return nil, err
			}
			within = within.with(vars[i].Key, value)
		}
		return body.eval(within)
	}), err
}

// loop reads an expression that goes through its input under a name, and calls each with every element.
func loop(p parser, op string, v any, body string, each func(s scope, body node, item any) (any, bool, error)) (node, error) {
	d, ok := v.(bson.D)
	if !ok || !has(d, "input") || !has(d, body) {
		return nil, fail(16878, "%s needs input and %s", op, body)
	}
	name, ok := lookup(d, "as").(string)
	if !ok {
		name = "this"
	}
	input, err := p.parse(lookup(d, "input"))
	if err != nil {
		return nil, err
	}
	inner, err := p.with(name).parse(lookup(d, body))
	return nodeFunc(func(s scope) (any, error) {
		value, err := input.eval(s)
		if err != nil || nullish(value) {
			return nil, err
		}
		list, ok := value.(bson.A)
		if !ok {
			return nil, fail(16883, "input to %s must be an array not %s", op, typeName(value))
		}
		out := bson.A{}
		for _, item := range list {
			result, keep, err := each(s.with(name, item), inner, item)
			if err != nil {
				return nil, err
			}
			if keep {
				out = append(out, result)
			}
		}
		return out, nil
	}), err
}

func parseMap(p parser, v any) (node, error) {
	return loop(p, "$map", v, "in", func(s scope, body node, _ any) (any, bool, error) {
		value, err := body.eval(s)
		return present(value), true, err
	})
}

func parseFilterExpression(p parser, v any) (node, error) {
	return loop(p, "$filter", v, "cond", func(s scope, body node, item any) (any, bool, error) {
		value, err := body.eval(s)
		return item, truthy(value), err
	})
}

func parseReduce(p parser, v any) (node, error) {
	nodes, err := p.with("this", "value").parts("$reduce", v, "input", "initialValue", "in")
	return nodeFunc(func(s scope) (any, error) {
		input, err := nodes["input"].eval(s)
		if err != nil || nullish(input) {
			return nil, err
		}
		list, ok := input.(bson.A)
		if !ok {
			return nil, fail(40080, "$reduce requires that 'input' be an array, found: %s", typeName(input))
		}
		value, err := nodes["initialValue"].eval(s)
		for _, item := range list {
			if err != nil {
				return nil, err
			}
			value, err = nodes["in"].eval(s.with("this", item).with("value", value))
		}
		return value, err
	}), err
}
