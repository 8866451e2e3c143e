package mongofake

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// missing is the value of a field that a document lacks.
type missing = bsonkit.MissingType

func typeName(v any) string {
	if _, ok := v.(missing); ok {
		return "missing"
	}
	_, t := bsonkit.Inspect(v)
	return bsonkit.Type2Alias[t]
}

func isNumber(v any) bool {
	switch v.(type) {
	case int32, int64, float64, primitive.Decimal128:
		return true
	}
	return false
}

// integer returns v as an int64, and reports whether it is a number without a fraction.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<63
	case primitive.Decimal128:
		r, ok := rational(v)
		return safeInt64(r), ok && r.IsInt() && r.Num().IsInt64()
	}
	return 0, false
}

func safeInt64(r *big.Rat) int64 {
	if r == nil || !r.IsInt() {
		return 0
	}
	return r.Num().Int64()
}

// rational returns the exact value of a number. It reports false for NaN and the infinities.
func rational(v any) (*big.Rat, bool) {
	switch v := v.(type) {
	case int32:
		return new(big.Rat).SetInt64(int64(v)), true
	case int64:
		return new(big.Rat).SetInt64(v), true
	case float64:
		r := new(big.Rat).SetFloat64(v)
		return r, r != nil
	case primitive.Decimal128:
		n, exp, err := v.BigInt()
		if err != nil {
			return nil, false
		}
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs(exp))), nil)
		if exp < 0 {
			return new(big.Rat).SetFrac(n, scale), true
		}
		return new(big.Rat).SetInt(n.Mul(n, scale)), true
	}
	return nil, false
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// double returns a number as a float64.
func double(v any) float64 {
	switch v := v.(type) {
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	}
	if r, ok := rational(v); ok {
		f, _ := r.Float64()
		return f
	}
	return math.NaN()
}

// arithmetic adds or multiplies as the server does: the result has the wider of both types, and an int
// that overflows becomes a long. It reports false if a long overflows.
func arithmetic(a, b any, whole func(x, y *big.Int) *big.Int, library func(a, b any) any) (any, bool) {
	x, xs := whole32or64(a)
	y, ys := whole32or64(b)
	if x == nil || y == nil {
		return library(a, b), true
	}
	n := whole(x, y)
	if !n.IsInt64() {
		return nil, false
	}
	if v := n.Int64(); !xs || !ys || v > math.MaxInt32 || v < math.MinInt32 {
		return v, true
	}
	return int32(n.Int64()), true
}

func whole32or64(v any) (n *big.Int, short bool) {
	switch v := v.(type) {
	case int32:
		return big.NewInt(int64(v)), true
	case int64:
		return big.NewInt(v), false
	}
	return nil, false
}

func addNumbers(a, b any) (any, bool) {
	return arithmetic(a, b, func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }, bsonkit.Add)
}

func multiplyNumbers(a, b any) (any, bool) {
	return arithmetic(a, b, func(x, y *big.Int) *big.Int { return new(big.Int).Mul(x, y) }, bsonkit.Mul)
}

// keyOf returns a string that is the same for two values if and only if they are equal: 1, 1.0 and
// Decimal 1.00 have one key. Unique indexes, groups and sets compare these keys.
func keyOf(v any) string {
	var b strings.Builder
	writeKey(&b, v)
	return b.String()
}

func writeKey(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil, missing, primitive.Null:
		b.WriteString("z")
	case bson.D:
		b.WriteString("{")
		for _, e := range v {
			writeText(b, e.Key)
			writeKey(b, e.Value)
		}
		b.WriteString("}")
	case bson.A:
		b.WriteString("[")
		for _, item := range v {
			writeKey(b, item)
		}
		b.WriteString("]")
	case string:
		b.WriteString("s")
		writeText(b, v)
	case int32, int64, float64, primitive.Decimal128:
		b.WriteString("n")
		if r, ok := rational(v); ok {
			writeText(b, r.RatString())
		} else {
			writeText(b, strings.ToLower(fmt.Sprint(v)))
		}
	default:
		t, p, err := bson.MarshalValue(v)
		if err != nil {
			panic(err)
		}
		b.WriteByte(byte(t))
		writeText(b, string(p))
	}
}

func writeText(b *strings.Builder, s string) {
	b.WriteString(strconv.Itoa(len(s)))
	b.WriteByte(':')
	b.WriteString(s)
}

// identical reports whether two documents have the same encoding, types and order of fields included.
func identical(a, b bson.D) bool {
	x, err := bson.Marshal(a)
	if err != nil {
		panic(err)
	}
	y, err := bson.Marshal(b)
	if err != nil {
		panic(err)
	}
	return bytes.Equal(x, y)
}

// idFirst returns the document with its _id as the first field, where the server stores it. A document
// without an _id gets one.
func idFirst(d bson.D) bson.D {
	for i, e := range d {
		if e.Key == "_id" {
			if i == 0 {
				return d
			}
			moved := make(bson.D, 0, len(d))
			moved = append(moved, e)
			moved = append(moved, d[:i]...)
			return append(moved, d[i+1:]...)
		}
	}
	return append(bson.D{{Key: "_id", Value: primitive.NewObjectID()}}, d...)
}
