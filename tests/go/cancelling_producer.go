// A worker on Otto's wire that cancels its stream right behind its last line, as the scaler does.
//
//	cancelling_producer ADDRESS < messages
//
// Each message on stdin is four bytes of length, big-endian, and so many bytes: a WorkerLogEntry.
package main

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// raw sends messages as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error { *v.(*[]byte) = data; return nil }
func (raw) Name() string                               { return "proto" }

func main() {
	encoding.RegisterCodec(raw{})
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := connection.NewStream(ctx, description, "/ottoscaler.v1.OttoHandlerLogService/ForwardWorkerLogs")
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		var answer []byte
		for stream.RecvMsg(&answer) == nil {
		}
		close(done)
	}()
	for {
		var size uint32
		if err := binary.Read(os.Stdin, binary.BigEndian, &size); err != nil {
			break
		}
		message := make([]byte, size)
		if _, err := io.ReadFull(os.Stdin, message); err != nil {
			log.Fatal(err)
		}
		if err := stream.SendMsg(&message); err != nil {
			log.Fatal(err)
		}
	}
	cancel()
	<-done
	connection.Close()
}
