package mongofake_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
)

// documented lists what the recordings do not cover, from the server's documentation and source:
// commands, and the fields that their replies must have. A command that begins with T is sent in a session.
var documented = []struct {
	name  string
	steps [][2]string
}{
	{"operators of an update", [][2]string{
		{`{"insert":"c","documents":[{"_id":1,"a":[{"k":1,"v":1},{"k":2,"v":2}],"n":2147483647}]}`, `{"n":1}`},
		{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$mul":{"a.1.k":10},"$inc":{"n":1},"$set":{"z":0,"b":0}}}]}`, `{"nModified":1}`},
		{`{"find":"c"}`, `{"cursor":{"firstBatch":[{"_id":1,"a":[{"k":1,"v":1},{"k":20,"v":2}],"n":{"$numberLong":"2147483648"},"b":0,"z":0}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$set":{"n.x":1}}}]}`, `{"writeErrors":[{"index":0,"code":28}]}`},
		{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$push":{"n":1}}}]}`, `{"writeErrors":[{"index":0,"code":2}]}`},
		{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$inc":{"n":{"$numberLong":"9223372036854775807"}}}}]}`, `{"writeErrors":[{"index":0,"code":2}]}`},
		{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$set":{}}}]}`, `{"writeErrors":[{"index":0,"code":9}]}`},
		{`{"update":"c","updates":[{"q":{},"u":{"x":1},"multi":true}]}`, `{"writeErrors":[{"index":0,"code":9}]}`},
		{`{"update":"c","updates":[{"q":{"_id":1}}]}`, `{"ok":0.0,"code":40414}`},
		{`{"update":"c","updates":[]}`, `{"ok":0.0,"code":16,"codeName":"InvalidLength"}`},
		{`{"delete":"c","deletes":[{"q":{},"limit":2}]}`, `{"ok":0.0,"code":9}`},
	}},
	{"upserts", [][2]string{
		{`{"update":"c","updates":[{"q":{"_id":1,"a":5,"b":{"$gt":1},"c.d":3},"u":{"$set":{"e":1}},"upsert":true}]}`, `{"n":1,"upserted":[{"index":0,"_id":1}]}`},
		{`{"update":"c","updates":[{"q":{"_id":2},"u":{"z":1},"upsert":true}]}`, `{"upserted":[{"index":0,"_id":2}]}`},
		{`{"update":"c","updates":[{"q":{"_id":3},"u":{"$set":{"_id":4}},"upsert":true}]}`, `{"writeErrors":[{"index":0,"code":66}]}`},
		{`{"find":"c"}`, `{"cursor":{"firstBatch":[{"_id":1,"a":5,"c":{"d":3},"e":1},{"_id":2,"z":1}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
	}},
	{"null and missing in arrays", [][2]string{
		{`{"insert":"c","documents":[{"_id":1,"a":[{"b":1},{"c":1}]},{"_id":2,"a":[{"b":1}]},{"_id":3,"a":[1]},{"_id":4,"a":5},{"_id":5,"a":[{"b":null}]}]}`, `{"n":5}`},
		{`{"distinct":"c","key":"_id","query":{"a.b":null}}`, `{"values":[1,4,5]}`},
		{`{"distinct":"c","key":"_id","query":{"a.b":{"$ne":null}}}`, `{"values":[2,3]}`},
		{`{"distinct":"c","key":"_id","query":{"a.b":{"$in":[null,7]}}}`, `{"values":[1,4,5]}`},
		{`{"distinct":"c","key":"_id","query":{"a.b":{"$exists":false}}}`, `{"values":[3,4]}`},
	}},
	{"an index on an array is ordered by the fields after the array", [][2]string{
		{`{"createIndexes":"c","indexes":[{"key":{"who":1,"at":1,"_id":1},"name":"x"}]}`, `{"ok":1.0}`},
		{`{"insert":"c","documents":[{"_id":1,"who":[2,7],"at":5},{"_id":2,"who":[1,7],"at":5},{"_id":3,"who":[7,9],"at":4}]}`, `{"n":3}`},
		{`{"find":"c","filter":{"who":7},"sort":{"at":-1,"_id":-1},"projection":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":2},{"_id":1},{"_id":3}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"find":"c","filter":{"who":7},"projection":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":3},{"_id":1},{"_id":2}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
	}},
	{"without a sort the order is that of the index", [][2]string{
		{`{"insert":"c","documents":[{"_id":3,"k":1},{"_id":1,"k":3},{"_id":2,"k":2}]}`, `{"n":3}`},
		{`{"distinct":"c","key":"k"}`, `{"values":[1,3,2]}`},
		{`{"distinct":"c","key":"_id","query":{"_id":{"$in":[3,1]}}}`, `{"values":[1,3]}`},
		{`{"createIndexes":"c","indexes":[{"key":{"k":-1},"name":"k"}]}`, `{"ok":1.0}`},
		{`{"aggregate":"c","pipeline":[{"$match":{"k":{"$gt":1}}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"_id":1,"k":3},{"_id":2,"k":2}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
	}},
	{"projections", [][2]string{
		{`{"insert":"c","documents":[{"_id":1,"a":[1,2,3],"o":{"x":1,"y":2},"l":[{"k":1,"v":1},{"k":2}]}]}`, `{"n":1}`},
		{`{"find":"c","projection":{"l.k":1,"o.y":1}}`, `{"cursor":{"firstBatch":[{"_id":1,"o":{"y":2},"l":[{"k":1},{"k":2}]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"find":"c","projection":{"l":0,"o":0}}`, `{"cursor":{"firstBatch":[{"_id":1,"a":[1,2,3]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"find":"c","projection":{"l":{"$elemMatch":{"k":2}}}}`, `{"cursor":{"firstBatch":[{"_id":1,"l":[{"k":2}]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"find":"c","projection":{"a":1,"o":0}}`, `{"ok":0.0,"code":2}`},
		{`{"aggregate":"c","pipeline":[{"$group":{"_id":{"$in":[2,"$a"]},"n":{"$sum":{"$size":"$a"}}}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"_id":true,"n":3}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
	}},
	{"lookups, projections and lists of groups", [][2]string{
		{`{"insert":"c","documents":[{"_id":1,"k":2},{"_id":2,"k":1},{"_id":3}]}`, `{"n":3}`},
		{`{"insert":"o","documents":[{"_id":1,"l":[{"u":5},{"u":7}],"s":1},{"_id":2,"s":2}]}`, `{"n":2}`},
		{`{"aggregate":"c","pipeline":[{"$match":{"_id":{"$lt":3}}},{"$sort":{"k":1}},{"$group":{"_id":null,"all":{"$push":"$$ROOT"},"n":{"$sum":"$k"}}},{"$lookup":{"from":"o","pipeline":[{"$match":{"_id":{"$in":[1,2]}}},{"$project":{"s":1,"l":{"$setIntersection":[{"$ifNull":["$l.u",[]]},[7,9]]}}}],"as":"o"}}],"cursor":{}}`,
			`{"cursor":{"firstBatch":[{"_id":null,"all":[{"_id":2,"k":1},{"_id":1,"k":2}],"n":3,"o":[{"_id":1,"s":1,"l":[7]},{"_id":2,"s":2,"l":[]}]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"aggregate":"c","pipeline":[{"$group":{"_id":null,"all":{"$push":"$k"}}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"_id":null,"all":[2,1]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"aggregate":"c","pipeline":[{"$match":{"_id":1}},{"$lookup":{"from":"none","pipeline":[],"as":"k"}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"_id":1,"k":[]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"aggregate":"c","pipeline":[{"$match":{"_id":9}},{"$group":{"_id":null,"all":{"$push":"$k"}}}],"cursor":{}}`, `{"cursor":{"firstBatch":[],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"aggregate":"o","pipeline":[{"$project":{"l":0}}],"cursor":{}}`, `{"cursor":{"firstBatch":[{"_id":1,"s":1},{"_id":2,"s":2}],"id":{"$numberLong":"0"},"ns":"DB.o"}}`},
		{`{"aggregate":"o","pipeline":[{"$lookup":{"pipeline":[],"as":"x"}}],"cursor":{}}`, `{"ok":0.0,"code":9}`},
	}},
	{"lookups with variables", [][2]string{
		{`{"insert":"c","documents":[{"_id":1,"of":5,"until":9},{"_id":2,"of":6}]}`, `{"n":2}`},
		{`{"insert":"o","documents":[{"_id":{"a":5,"b":1},"of":5,"at":8},{"_id":{"a":6,"b":1},"of":6,"at":8},{"_id":3,"of":5,"at":9}]}`, `{"n":3}`},
		{`{"aggregate":"c","pipeline":[{"$lookup":{"from":"o","let":{"of":"$of","until":"$until"},"pipeline":[{"$match":{"$expr":{"$and":[{"$eq":["$of","$$of"]},{"$lt":["$at","$$until"]}]}}},{"$project":{"at":1}}],"as":"o"}}],"cursor":{}}`,
			`{"cursor":{"firstBatch":[{"_id":1,"of":5,"until":9,"o":[{"_id":{"a":5,"b":1},"at":8}]},{"_id":2,"of":6,"o":[]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"aggregate":"c","pipeline":[{"$match":{"_id":2}},{"$addFields":{"k":{"$cond":[{"$eq":["$of",5]},"$_id","$of"]}}},{"$lookup":{"from":"o","let":{"k":{"a":"$k","b":1}},"pipeline":[{"$match":{"$expr":{"$eq":["$_id","$$k"]}}},{"$project":{"x":{"$setIntersection":[["$$k.a",7],[6]]}}}],"as":"o"}}],"cursor":{}}`,
			`{"cursor":{"firstBatch":[{"_id":2,"of":6,"k":6,"o":[{"_id":{"a":6,"b":1},"x":[6]}]}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"aggregate":"c","pipeline":[{"$lookup":{"from":"o","let":{"Of":"$of"},"pipeline":[],"as":"o"}}],"cursor":{}}`, `{"ok":0.0,"code":16867}`},
		{`{"aggregate":"c","pipeline":[{"$match":{"_id":9}},{"$lookup":{"from":"o","let":{"of":"$of"},"pipeline":[{"$match":{"of":{"$in":1}}}],"as":"o"}}],"cursor":{}}`, `{"ok":0.0,"code":2}`},
	}},
	{"cursors at their end", [][2]string{
		{`{"insert":"c","documents":[{"_id":1},{"_id":2}]}`, `{"n":2}`},
		{`{"find":"c","batchSize":2,"limit":2}`, `{"cursor":{"firstBatch":[{"_id":1},{"_id":2}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"find":"c","batchSize":2,"sort":{"v":1}}`, `{"cursor":{"firstBatch":[{"_id":1},{"_id":2}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
		{`{"getMore":{"$numberLong":"5"},"collection":"c"}`, `{"ok":0.0,"code":43}`},
		{`{"killCursors":"c","cursors":[{"$numberLong":"5"}]}`, `{"cursorsNotFound":[{"$numberLong":"5"}]}`},
	}},
	{"collations", [][2]string{
		{`{"insert":"c","documents":[{"_id":"b"},{"_id":"A"},{"_id":"c"}]}`, `{"n":3}`},
		{`{"find":"c","filter":{"_id":{"$gte":"B"}},"sort":{"_id":-1},"collation":{"locale":"en","strength":2}}`, `{"cursor":{"firstBatch":[{"_id":"c"},{"_id":"b"}],"id":{"$numberLong":"0"},"ns":"DB.c"}}`},
	}},
	{"indexes", [][2]string{
		{`{"createIndexes":"c","indexes":[{"key":{"a":1,"b":1},"name":"ab","unique":true,"sparse":true}]}`, `{"createdCollectionAutomatically":true,"numIndexesAfter":2}`},
		{`{"listIndexes":"c"}`, `{"cursor":{"id":{"$numberLong":"0"},"ns":"DB.c","firstBatch":[{"v":2,"key":{"_id":1},"name":"_id_","ns":"DB.c"},{"v":2,"unique":true,"key":{"a":1,"b":1},"name":"ab","ns":"DB.c","sparse":true}]}}`},
		{`{"insert":"c","documents":[{"_id":1},{"_id":2},{"_id":3,"a":[1,2]}]}`, `{"n":3}`},
		{`{"insert":"c","documents":[{"_id":4,"a":2}]}`, `{"writeErrors":[{"index":0,"code":11000,"keyPattern":{"a":1,"b":1}}]}`},
		{`{"insert":"c","documents":[{"_id":4,"a":[1],"b":[1]}]}`, `{"writeErrors":[{"index":0,"code":171}]}`},
		{`{"createIndexes":"c","indexes":[{"key":{"z":1},"name":"z","partialFilterExpression":{"z":{"$ne":1}}}]}`, `{"ok":0.0,"code":67}`},
		{`{"createIndexes":"c","indexes":[]}`, `{"ok":0.0,"code":2}`},
		{`{"dropIndexes":"c","index":"_id_"}`, `{"ok":0.0,"code":72}`},
		{`{"dropIndexes":"c","index":"ab"}`, `{"nIndexesWas":2}`},
	}},
	{"a drop waits for transactions", [][2]string{
		{`{"insert":"c","documents":[{"_id":1}]}`, `{"n":1}`},
		{`T {"find":"c","txnNumber":{"$numberLong":"1"},"autocommit":false,"startTransaction":true}`, `{"ok":1.0}`},
		{`{"drop":"c","maxTimeMS":20}`, `{"ok":0.0,"code":50}`},
		{`{"create":"later"}`, `{"ok":1.0}`},
		{`T {"find":"later","txnNumber":{"$numberLong":"1"},"autocommit":false}`, `{"ok":0.0,"code":246,"errorLabels":["TransientTransactionError"]}`},
		{`{"drop":"c","maxTimeMS":20}`, `{"ok":1.0}`},
	}},
	{"retryable writes change single documents", [][2]string{
		{`T {"insert":"c","documents":[{"_id":1}],"txnNumber":{"$numberLong":"1"}}`, `{"n":1}`},
		{`T {"update":"c","updates":[{"q":{},"u":{"$set":{"a":1}},"multi":true}],"txnNumber":{"$numberLong":"2"}}`, `{"writeErrors":[{"index":0,"code":72}]}`},
		{`T {"findAndModify":"c","query":{},"remove":true,"txnNumber":{"$numberLong":"3"}}`, `{"value":{"_id":1}}`},
		{`T {"findAndModify":"c","query":{},"remove":true,"txnNumber":{"$numberLong":"3"}}`, `{"value":{"_id":1}}`},
		{`T {"insert":"c","documents":[{"_id":2}],"txnNumber":{"$numberLong":"3"},"autocommit":false}`, `{"ok":0.0,"code":251,"errorLabels":["TransientTransactionError"]}`},
		{`T {"find":"c","txnNumber":{"$numberLong":"4"}}`, `{"ok":0.0,"code":50768}`},
	}},
}

func TestDocumentedReplies(t *testing.T) {
	server := start(t)
	for _, d := range documented {
		t.Run(d.name, func(t *testing.T) {
			p := newPlayer(t, server)
			defer p.close()
			for _, s := range d.steps {
				text, inside := strings.CutPrefix(s[0], "T ")
				reply := p.send(step{Command: []byte(text), LSID: inside})
				got := fields(p.recorded(reply, "").(bson.D))
				var want bson.D
				p.parse([]byte(s[1]), &want)
				for _, f := range fields(want) {
					if !slices.Contains(got, f) {
						t.Errorf("%s\n got %s\nwant %s", s[0], strings.Join(got, ", "), f)
					}
				}
			}
		})
	}
}

// A feature that the fake lacks is refused, and its name is printed.
func TestLackingFeatures(t *testing.T) {
	var mu sync.Mutex
	var printed []string
	server, err := mongofake.New(mongofake.Config{Printf: func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		printed = append(printed, fmt.Sprintf(format, args...))
	}})
	must(t, err)
	t.Cleanup(server.Stop)
	conn := dial(t, server.Address())
	for _, lacking := range []struct {
		name    string
		code    int32
		command string
	}{
		{"mapReduce", 59, `{"mapReduce":"c"}`},
		{"tailable", 9, `{"find":"c","tailable":true}`},
		{"$where", 2, `{"find":"c","filter":{"$where":"1"}}`},
		{"$near", 2, `{"find":"c","filter":{"a":{"$near":[1,2]}}}`},
		{"$natural", 2, `{"find":"c","sort":{"$natural":1}}`},
		{"$meta", 2, `{"find":"c","projection":{"a":{"$meta":"textScore"}}}`},
		{"l.$", 2, `{"find":"c","projection":{"l.$":1}}`},
		{"o.x", 2, `{"find":"c","projection":{"o.x":0}}`},
		{"a.$.v", 2, `{"findAndModify":"c","query":{},"update":{"$set":{"a.$.v":1}}}`},
		{"$rename", 9, `{"findAndModify":"c","query":{},"update":{"$rename":{"a":"b"}}}`},
		{"$graphLookup", 40324, `{"aggregate":"c","pipeline":[{"$graphLookup":{}}],"cursor":{}}`},
		{"argument of $lookup: localField", 9, `{"aggregate":"c","pipeline":[{"$lookup":{"from":"c","localField":"a","foreignField":"a","as":"x"}}],"cursor":{}}`},
		{"$$NOW", 17276, `{"aggregate":"c","pipeline":[{"$addFields":{"a":"$$NOW"}}],"cursor":{}}`},
		{"$dateToString", 168, `{"aggregate":"c","pipeline":[{"$addFields":{"a":{"$dateToString":{}}}}],"cursor":{}}`},
		{"$stdDevPop", 15952, `{"aggregate":"c","pipeline":[{"$group":{"_id":1,"a":{"$stdDevPop":"$a"}}}],"cursor":{}}`},
		{"capped", 72, `{"create":"x","capped":true}`},
		{"moderate", 2, `{"create":"x","validationLevel":"moderate"}`},
		{"expireAfterSeconds", 197, `{"createIndexes":"c","indexes":[{"key":{"a":1},"name":"a","expireAfterSeconds":1}]}`},
		{"text", 67, `{"createIndexes":"c","indexes":[{"key":{"a":"text"},"name":"t"}]}`},
		{"MinKey", 8, `{"find":"c","filter":{"a":{"$gt":{"$minKey":1}}}}`},
	} {
		var command bson.D
		must(t, bson.UnmarshalExtJSON([]byte(lacking.command), false, &command))
		if lacking.name == "MinKey" {
			_, err := conn.send(bson.D{{Key: "insert", Value: "c"}, {Key: "documents", Value: bson.A{bson.D{{Key: "a", Value: 1}}}}, {Key: "$db", Value: "d"}})
			must(t, err)
		}
		reply, err := conn.send(append(command, bson.E{Key: "$db", Value: "d"}))
		must(t, err)
		mu.Lock()
		named := slices.ContainsFunc(printed, func(line string) bool { return strings.Contains(line, lacking.name) })
		mu.Unlock()
		if get(reply, "code") != lacking.code || !named {
			t.Errorf("%s: got %v and printed %q, want code %d and the name printed", lacking.name, reply, printed, lacking.code)
		}
	}
}
