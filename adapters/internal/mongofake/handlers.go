package mongofake

import "go.mongodb.org/mongo-driver/bson"

// handlers lists the commands that the fake has, by name.
var handlers map[string]handler

func init() { // in init: handlers would otherwise depend on itself, because running a command looks it up
	handlers = map[string]handler{
		"insert":        writing(insert, checkInsert, "documents", "ordered"),
		"update":        writing(update, checkUpdate, "updates", "ordered"),
		"delete":        writing(remove, checkDelete, "deletes", "ordered"),
		"findAndModify": findAndModifyHandler(),

		"find": reading(find, codeFailedToParse, "filter", "sort", "projection", "skip", "limit", "batchSize",
			"singleBatch", "collation"),
		"aggregate": aggregateHandler(),
		"distinct":  reading(distinct, codeUnknownField, "key", "query"),
		"count":     outside(reading(countCommand, codeUnknownField, "query")),
		"getMore": {run: getMore, reads: true, inside: true, strange: codeFailedToParse,
			fields: []string{"collection", "batchSize"}},
		"killCursors": {run: killCursors, reads: true, inside: true, strange: codeFailedToParse,
			fields: []string{"cursors"}},

		"commitTransaction": ending(commitTransaction),
		"abortTransaction":  ending(abortTransaction),
		"endSessions":       {run: endSessions, reads: true},

		"create":          {run: create, named: true},
		"collMod":         {run: collMod, named: true},
		"drop":            {run: drop, named: true},
		"createIndexes":   {run: createIndexes, named: true, strange: codeBadValue, fields: []string{"indexes"}},
		"dropIndexes":     {run: dropIndexes, named: true, strange: codeUnknownField, fields: []string{"index"}},
		"dropDatabase":    {run: dropDatabase},
		"listIndexes":     {run: listIndexes, named: true, reads: true},
		"listCollections": {run: listCollections, reads: true},

		"isMaster": {run: isMaster},
		"ismaster": {run: isMaster},
		"ping":     {run: ping, reads: true},
	}
}

func writing(run func(*call) (bson.D, error), check func(*call) error, fields ...string) handler {
	return handler{run: run, check: check, fields: fields, strange: codeUnknownField,
		inside: true, retryable: true, named: true}
}

func reading(run func(*call) (bson.D, error), strange int32, fields ...string) handler {
	mismatch := int32(codeTypeMismatch)
	if strange == codeFailedToParse { // the server's find has its own parser, with its own code
		mismatch = codeFailedToParse
	}
	return handler{run: run, fields: fields, strange: strange, mismatch: mismatch, inside: true, named: true, reads: true}
}

// outside returns h for a command that may not run in a transaction.
func outside(h handler) handler {
	h.inside = false
	return h
}

func ending(run func(*call) (bson.D, error)) handler {
	return handler{run: run, fields: []string{}, strange: codeUnknownField, inside: true}
}

func findAndModifyHandler() handler {
	h := writing(findAndModify, nil, "query", "sort", "remove", "update", "new", "fields", "upsert")
	h.strange = codeFailedToParse
	return h
}

// aggregateHandler returns a reading handler that may have a write concern: on the real server,
// aggregate can write.
func aggregateHandler() handler {
	h := reading(aggregate, codeFailedToParse, "pipeline", "cursor")
	h.reads, h.named = false, false // a change stream may name a database
	return h
}
