package mongofake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.mongodb.org/mongo-driver/bson"
)

// The parts of the wire protocol that the driver uses: OP_MSG, and OP_QUERY for its first isMaster.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013

	flagChecksum   = 1 << 0
	flagMoreToCome = 1 << 1

	headerSize = 16
	maxMessage = 48000000
)

var errMalformed = errors.New("malformed message")

// message is one request: a command, and the header fields that its reply needs.
type message struct {
	id       int32
	op       int32
	silent   bool // the client does not wait for an answer
	body     bson.D
	database string
}

func readMessage(r io.Reader) (*message, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := int32(binary.LittleEndian.Uint32(header[0:]))
	if size < headerSize || size > maxMessage {
		return nil, fmt.Errorf("%w: length %d", errMalformed, size)
	}
	payload := make([]byte, size-headerSize)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	m := &message{
		id: int32(binary.LittleEndian.Uint32(header[4:])),
		op: int32(binary.LittleEndian.Uint32(header[12:])),
	}
	switch m.op {
	case opMsg:
		return m, m.parseMsg(payload)
	case opQuery:
		return m, m.parseQuery(payload)
	}
	return nil, fmt.Errorf("%w: opcode %d", errMalformed, m.op)
}

func (m *message) parseMsg(p []byte) error {
	if len(p) < 5 {
		return errMalformed
	}
	flags := binary.LittleEndian.Uint32(p)
	p = p[4:]
	m.silent = flags&flagMoreToCome != 0
	if flags&flagChecksum != 0 {
		p = p[:len(p)-4]
	}
	var sequences bson.D
	for len(p) > 0 {
		kind := p[0]
		p = p[1:]
		switch kind {
		case 0:
			doc, rest, err := takeDocument(p)
			if err != nil {
				return err
			}
			m.body, p = doc, rest
		case 1:
			name, docs, rest, err := takeSequence(p)
			if err != nil {
				return err
			}
			sequences = append(sequences, bson.E{Key: name, Value: docs})
			p = rest
		default:
			return fmt.Errorf("%w: section kind %d", errMalformed, kind)
		}
	}
	m.body = append(m.body, sequences...)
	if name, ok := lookup(m.body, "$db").(string); ok {
		m.database = name
	}
	return nil
}

// parseQuery reads the body of an OP_QUERY: flags, "admin.$cmd", skip, limit, command.
func (m *message) parseQuery(p []byte) error {
	if len(p) < 4 {
		return errMalformed
	}
	name, rest, err := takeString(p[4:])
	if err != nil || len(rest) < 8 {
		return errMalformed
	}
	m.database = databaseOf(name)
	m.body, _, err = takeDocument(rest[8:])
	return err
}

func takeSequence(p []byte) (string, bson.A, []byte, error) {
	if len(p) < 4 {
		return "", nil, nil, errMalformed
	}
	size := int(binary.LittleEndian.Uint32(p))
	if size < 5 || size > len(p) {
		return "", nil, nil, errMalformed
	}
	rest := p[size:]
	name, p, err := takeString(p[4:size])
	docs := bson.A{}
	for err == nil && len(p) > 0 {
		var doc bson.D
		doc, p, err = takeDocument(p)
		docs = append(docs, doc)
	}
	return name, docs, rest, err
}

func takeString(p []byte) (string, []byte, error) {
	for i, b := range p {
		if b == 0 {
			return string(p[:i]), p[i+1:], nil
		}
	}
	return "", nil, errMalformed
}

func takeDocument(p []byte) (bson.D, []byte, error) {
	if len(p) < 5 {
		return nil, nil, errMalformed
	}
	size := int(binary.LittleEndian.Uint32(p))
	if size < 5 || size > len(p) {
		return nil, nil, errMalformed
	}
	var doc bson.D
	if err := bson.Unmarshal(p[:size], &doc); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return doc, p[size:], nil
}

// answer encodes the reply to m for the wire.
func (m *message) answer(reply bson.D) ([]byte, error) {
	doc, err := bson.Marshal(reply)
	if err != nil {
		return nil, fmt.Errorf("encode reply: %w", err)
	}
	p := make([]byte, headerSize, headerSize+len(doc)+20)
	op := uint32(opMsg)
	if m.op == opQuery {
		op = opReply
		p = binary.LittleEndian.AppendUint32(p, 8) // flags: AwaitCapable
		p = binary.LittleEndian.AppendUint64(p, 0) // cursor
		p = binary.LittleEndian.AppendUint32(p, 0) // starting from
		p = binary.LittleEndian.AppendUint32(p, 1) // number of documents
	} else {
		p = binary.LittleEndian.AppendUint32(p, 0) // flags
		p = append(p, 0)                           // section: body
	}
	p = append(p, doc...)
	binary.LittleEndian.PutUint32(p[0:], uint32(len(p)))
	binary.LittleEndian.PutUint32(p[4:], uint32(m.id)+1)
	binary.LittleEndian.PutUint32(p[8:], uint32(m.id))
	binary.LittleEndian.PutUint32(p[12:], op)
	return p, nil
}
