// A peer: Otto's wire in (a line and an answer per message), Server-Sent Events out, in memory, nothing stored.
// What a good engineer writes in Go in an afternoon: a channel per subscriber, drained into one write.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
	pb "otto.bench/ottopb"
)

type event struct {
	TaskID    string `json:"taskId"`
	WorkerID  string `json:"workerId"`
	Sequence  int64  `json:"sequence"`
	Timestamp string `json:"timestamp"`
	Level     string `json:"level"`
	Source    string `json:"source"`
	Message   string `json:"message"`
}

type task struct {
	mu      sync.Mutex
	lines   [][]byte
	readers map[chan []byte]bool
}

var (
	mu    sync.Mutex
	tasks = map[string]*task{}
)

func taskOf(id string) *task {
	mu.Lock()
	defer mu.Unlock()
	t := tasks[id]
	if t == nil {
		t = &task{readers: map[chan []byte]bool{}}
		tasks[id] = t
	}
	return t
}

type forward struct {
	pb.UnimplementedOttoHandlerLogServiceServer
}

func (forward) ForwardWorkerLogs(stream pb.OttoHandlerLogService_ForwardWorkerLogsServer) error {
	for {
		line, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		t := taskOf(line.TaskId)
		t.mu.Lock()
		sequence := int64(len(t.lines) + 1)
		data, _ := json.Marshal(event{line.TaskId, line.WorkerId, sequence, line.Timestamp, line.Level, line.Source, line.Message})
		framed := []byte(fmt.Sprintf("id: %d\ndata: %s\n\n", sequence, data))
		t.lines = append(t.lines, framed)
		for reader := range t.readers {
			select {
			case reader <- framed:
			default: // a slow reader loses the line, as usual
			}
		}
		t.mu.Unlock()
		if err := stream.Send(&pb.LogForwardResponse{Sequence: sequence}); err != nil {
			return err
		}
	}
}

func stream(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/v1/log-streaming/logs/"), "/stream")
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(200)
	flusher := w.(http.Flusher)
	flusher.Flush()
	t := taskOf(id)
	lines := make(chan []byte, 4096)
	t.mu.Lock()
	history := t.lines[:len(t.lines):len(t.lines)]
	t.readers[lines] = true
	t.mu.Unlock()
	defer func() { t.mu.Lock(); delete(t.readers, lines); t.mu.Unlock() }()
	for _, line := range history {
		w.Write(line)
	}
	flusher.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case line := <-lines:
			w.Write(line)
			for n := len(lines); n > 0; n-- {
				w.Write(<-lines)
			}
			flusher.Flush()
		}
	}
}

// Debian's grpc-go is older than its protobuf: messages are coded by the new one.
type codec struct{}

func (codec) Marshal(v interface{}) ([]byte, error) { return proto.Marshal(v.(proto.Message)) }
func (codec) Unmarshal(data []byte, v interface{}) error {
	return proto.Unmarshal(data, v.(proto.Message))
}
func (codec) Name() string { return "proto" }

func init() { encoding.RegisterCodec(codec{}) }

func main() {
	grpcAddress := flag.String("grpc", "127.0.0.1:9090", "")
	httpAddress := flag.String("http", "127.0.0.1:4000", "")
	flag.Parse()
	listener, err := net.Listen("tcp", *grpcAddress)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterOttoHandlerLogServiceServer(server, forward{})
	go server.Serve(listener)
	http.HandleFunc("/api/v1/log-streaming/health", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("{}")) })
	http.HandleFunc("/", stream)
	log.Fatal(http.ListenAndServe(*httpAddress, nil))
}
