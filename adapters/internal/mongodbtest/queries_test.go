package mongodbtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// shape is what a statement asks, without the values: its fields, how each is compared, and the order.
func shape(s statement) string {
	parts := []string{s.collection + ":"}
	parts = append(parts, conditions(s.filter)...)
	if len(s.sort) > 0 {
		parts = append(parts, "| sort")
		for _, e := range s.sort {
			direction := ""
			if fmt.Sprint(e.Value) == "-1" {
				direction = "-"
			}
			parts = append(parts, direction+e.Key)
		}
	}
	return strings.Join(parts, " ")
}

func conditions(filter bson.D) (parts []string) {
	for _, e := range filter {
		switch v := e.Value.(type) {
		case primitive.Regex:
			parts = append(parts, e.Key+"~")
		case bson.A:
			var branches []string
			for _, b := range v {
				branches = append(branches, strings.Join(conditions(b.(bson.D)), " "))
			}
			parts = append(parts, "("+strings.Join(branches, " "+e.Key[1:]+" ")+")")
		default:
			ops := operators(e.Value)
			if ops == nil {
				parts = append(parts, e.Key+"=")
			}
			for _, op := range ops {
				parts = append(parts, e.Key+map[string]string{
					"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">=", "$ne": "!=", "$in": "=in", "$nin": "!in", "$exists": "?",
				}[op])
			}
		}
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

func checkQueries(t *testing.T, s target, all []mongofake.Command) {
	seen := map[string]statement{}
	for _, c := range all {
		for _, st := range statements(c) {
			seen[shape(st)] = st
		}
	}
	for _, q := range slices.Sorted(maps.Keys(seen)) {
		fmt.Println(q)
	}
	_ = context.Background
	_ = s
}
