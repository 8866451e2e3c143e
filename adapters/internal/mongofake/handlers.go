package mongofake

import "go.mongodb.org/mongo-driver/bson"

// handlers are the commands that the fake has.
var handlers map[string]handler

func init() { // in init, because running a command looks its handler up
	handlers = map[string]handler{
		"insert":        writing(insert, checkInsert, "documents", "ordered", "bypassDocumentValidation"),
		"update":        writing(update, checkUpdate, "updates", "ordered", "bypassDocumentValidation"),
		"delete":        writing(remove, checkDelete, "deletes", "ordered"),
		"findAndModify": findAndModifyHandler(),

		"find": reading(find, codeFailedToParse, "filter", "sort", "projection", "skip", "limit", "batchSize",
			"singleBatch", "hint", "collation", "comment", "noCursorTimeout"),
		"aggregate": aggregateHandler(),
		"distinct":  reading(distinct, codeUnknownField, "key", "query", "collation", "comment"),
		"count": outside(reading(countCommand, codeUnknownField, "query", "skip", "limit", "hint", "collation",
			"comment", "fields")),
		"getMore": {run: getMore, reads: true, inside: true, strange: codeFailedToParse,
			fields: []string{"collection", "batchSize", "comment"}},
		"killCursors": {run: killCursors, reads: true, inside: true, strange: codeFailedToParse,
			fields: []string{"cursors"}},

		"commitTransaction": ending(commitTransaction),
		"abortTransaction":  ending(abortTransaction),
		"endSessions":       {run: endSessions, reads: true},
		"killSessions":      {run: endSessions, reads: true},

		"create":          {run: create, named: true},
		"collMod":         {run: collMod, named: true},
		"drop":            {run: drop, named: true},
		"createIndexes":   {run: createIndexes, named: true, strange: codeBadValue, fields: []string{"indexes"}},
		"dropIndexes":     {run: dropIndexes, named: true, strange: codeUnknownField, fields: []string{"index"}},
		"dropDatabase":    {run: dropDatabase},
		"listIndexes":     {run: listIndexes, named: true, reads: true},
		"listCollections": {run: listCollections, reads: true},

		"isMaster":  {run: isMaster},
		"ismaster":  {run: isMaster},
		"ping":      {run: ping, reads: true},
		"buildInfo": {run: buildInfo},
	}
	handlers["findandmodify"] = handlers["findAndModify"]
	handlers["buildinfo"] = handlers["buildInfo"]
}

func writing(run func(*call) (bson.D, error), check func(*call) error, fields ...string) handler {
	return handler{run: run, check: check, fields: append(fields, "stmtId", "stmtIds"), strange: codeUnknownField,
		inside: true, retryable: true, named: true}
}

func reading(run func(*call) (bson.D, error), strange int32, fields ...string) handler {
	mismatch := int32(codeTypeMismatch)
	if strange == codeFailedToParse { // find reads its fields by hand, with a code of its own
		mismatch = codeFailedToParse
	}
	return handler{run: run, fields: fields, strange: strange, mismatch: mismatch, inside: true, named: true, reads: true}
}

// outside takes a command out of transactions.
func outside(h handler) handler {
	h.inside = false
	return h
}

func ending(run func(*call) (bson.D, error)) handler {
	return handler{run: run, fields: []string{"recoveryToken"}, strange: codeUnknownField, inside: true}
}

func findAndModifyHandler() handler {
	h := writing(findAndModify, nil, "query", "sort", "remove", "update", "new", "fields", "upsert", "collation",
		"arrayFilters", "bypassDocumentValidation", "comment")
	h.strange = codeFailedToParse
	return h
}

// aggregate reads, but may have a write concern: on the real server it can write.
func aggregateHandler() handler {
	h := reading(aggregate, codeFailedToParse, "pipeline", "cursor", "collation", "hint", "comment", "allowDiskUse",
		"bypassDocumentValidation")
	h.reads = false
	return h
}
