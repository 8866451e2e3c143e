package jsonfile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cicerone-go/cicerone/ports"
)

// encode returns the rows of all tables as a JSON object of tables. A table is a list of rows, and
// a row is a list of values.
func encode(ctx context.Context, rows ports.Rows) ([]byte, error) {
	tables := map[string][]ports.Row{}
	for _, table := range ports.Tables {
		for row, err := range ports.Scan(ctx, rows, table, nil, 0) {
			if err != nil {
				return nil, err
			}
			tables[table.Name] = append(tables[table.Name], readable(row))
		}
	}
	content, err := json.MarshalIndent(tables, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode the store: %w", err)
	}
	return content, nil
}

// readable returns a row with its identifiers as UUIDs, which JSON writes as text.
func readable(row ports.Row) ports.Row {
	out := make(ports.Row, len(row))
	for i, v := range row {
		if u, is := v.([16]byte); is {
			v = uuid.UUID(u)
		}
		out[i] = v
	}
	return out
}

// decode writes the rows of an encoded store into an empty one.
func decode(ctx context.Context, content []byte, rows ports.Rows) error {
	var tables map[string][][]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(&tables); err != nil {
		return fmt.Errorf("decode the store: %w", err)
	}
	for _, table := range ports.Tables {
		decoded := make([]ports.Row, 0, len(tables[table.Name]))
		for i, raw := range tables[table.Name] {
			row, err := decodeRow(table, raw)
			if err != nil {
				return fmt.Errorf("row %d of %s: %w", i+1, table.Name, err)
			}
			decoded = append(decoded, row)
		}
		if len(decoded) == 0 {
			continue
		}
		if err := rows.Write(ctx, table, decoded); err != nil {
			return fmt.Errorf("fill %s: %w", table.Name, err)
		}
	}
	return nil
}

func decodeRow(table *ports.Table, raw []json.RawMessage) (ports.Row, error) {
	if len(raw) != len(table.Columns) {
		return nil, fmt.Errorf("has %d values, the table has %d columns", len(raw), len(table.Columns))
	}
	row := make(ports.Row, len(raw))
	for i, column := range table.Columns {
		if column.Nullable && string(raw[i]) == "null" {
			continue
		}
		var err error
		if row[i], err = decodeValue(column.Kind, raw[i]); err != nil {
			return nil, fmt.Errorf("column %s: %w", column.Name, err)
		}
	}
	return row, nil
}

func decodeValue(kind ports.Kind, raw json.RawMessage) (any, error) {
	switch kind {
	case ports.UUID:
		u, err := as[uuid.UUID](raw)
		return [16]byte(u), err
	case ports.Text, ports.Decimal, ports.JSON:
		return as[string](raw)
	case ports.Int:
		return as[int64](raw)
	case ports.Bool:
		return as[bool](raw)
	case ports.Time:
		t, err := as[time.Time](raw)
		return t.UTC(), err
	case ports.Bytes:
		return as[[]byte](raw)
	case ports.Texts:
		return as[[]string](raw)
	}
	return nil, fmt.Errorf("unknown kind %d", kind)
}

func as[T any](raw json.RawMessage) (T, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}
