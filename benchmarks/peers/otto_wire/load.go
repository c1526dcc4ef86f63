// Workers on Otto's wire (a line per message, an answer per message) and viewers over Server-Sent Events, in one process.
// Prints one JSON object: lines sent, answered, delivered, lost; latency from the moment a line was due to its answer and to each viewer.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
	pb "otto.bench/ottopb"
)

var (
	start     = time.Now()
	answered  int64
	refused   int64
	delivered int64
	disorder  int64
)

func since() int64 { return int64(time.Since(start)) }

type ages struct {
	mu sync.Mutex
	ns []int64
}

func (a *ages) add(more []int64) { a.mu.Lock(); a.ns = append(a.ns, more...); a.mu.Unlock() }
func (a *ages) quantile(q float64) float64 {
	if len(a.ns) == 0 {
		return -1
	}
	i := int(q * float64(len(a.ns)))
	if i >= len(a.ns) {
		i = len(a.ns) - 1
	}
	return float64(a.ns[i]/1000) / 1000
}

func view(address, task string, lines int, ready *sync.WaitGroup, all *ages) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "GET /api/v1/log-streaming/logs/%s/stream HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", task, address)
	response, err := http.ReadResponse(bufio.NewReaderSize(connection, 1<<14), nil)
	if err != nil || response.StatusCode != 200 {
		log.Fatal("viewer: ", err, response)
	}
	ready.Done()
	reader := bufio.NewReaderSize(response.Body, 1<<14)
	mine := make([]int64, 0, lines)
	next := int64(1)
	for len(mine) < lines {
		line, err := reader.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			break
		}
		at := bytes.Index(line, []byte("@@"))
		if at < 0 || !bytes.HasPrefix(line, []byte("data: ")) {
			continue
		}
		rest := line[at+2:]
		end := bytes.IndexByte(rest, '@')
		due, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
		if s := bytes.Index(line, []byte(`"sequence":`)); s > 0 {
			tail := line[s+11:]
			n, _ := strconv.ParseInt(string(tail[:bytes.IndexAny(tail, ",}")]), 10, 64)
			if n != next {
				atomic.AddInt64(&disorder, 1)
			}
			next = n + 1
		}
		mine = append(mine, since()-due)
		atomic.AddInt64(&delivered, 1)
	}
	all.add(mine)
}

func work(client pb.OttoHandlerLogServiceClient, task string, lines int, rate float64, offset time.Duration, window int, acks *ages) {
	stream, err := client.ForwardWorkerLogs(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	slots := make(chan int64, window)
	done := make(chan bool)
	go func() {
		mine := make([]int64, 0, lines)
		for i := 0; i < lines; i++ {
			answer, err := stream.Recv()
			if err != nil {
				log.Print(task, ": ", err)
				break
			}
			if answer.Status != 0 {
				atomic.AddInt64(&refused, 1)
			}
			mine = append(mine, since()-<-slots)
			atomic.AddInt64(&answered, 1)
		}
		acks.add(mine)
		close(done)
	}()
	text := "  CC  drivers/net/ethernet/intel/module.o -O2 -g -Wall -Wextra -fPIC -Iinclude"
	begun := time.Now().Add(offset)
	for i := 0; i < lines; i++ {
		due := since()
		if rate > 0 {
			at := begun.Add(time.Duration(float64(i) / rate * 1e9))
			time.Sleep(time.Until(at))
			due = int64(at.Sub(start))
		}
		slots <- due
		err := stream.Send(&pb.WorkerLogEntry{WorkerId: "bench-worker", TaskId: task, Level: "INFO", Source: "stdout", Message: fmt.Sprintf("[%6d] @@%d@%s", i, due, text)})
		if err == io.EOF {
			break
		}
	}
	stream.CloseSend()
	<-done
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
	tasks := flag.Int("tasks", 100, "tasks, each with a stream of its own")
	rate := flag.Float64("rate", 5, "lines a second and task; 0: as fast as they are answered")
	lines := flag.Int("lines", 50, "lines of each task")
	viewers := flag.Int("viewers", 2, "of each task")
	connections := flag.Int("connections", 0, "gRPC connections; 0: one for each task, as worker pods have")
	window := flag.Int("window", 1000, "unanswered lines of one worker at most")
	prefix := flag.String("prefix", "t", "")
	flag.Parse()
	if *connections == 0 {
		*connections = *tasks
	}
	clients := make([]pb.OttoHandlerLogServiceClient, *connections)
	for i := range clients {
		c, err := grpc.Dial(*grpcAddress, grpc.WithInsecure(), grpc.WithBlock())
		if err != nil {
			log.Fatal(err)
		}
		clients[i] = pb.NewOttoHandlerLogServiceClient(c)
	}
	var seen, acks ages
	var ready, reading, working sync.WaitGroup
	for t := 0; t < *tasks; t++ {
		for v := 0; v < *viewers; v++ {
			ready.Add(1)
			reading.Add(1)
			go func(task string) { defer reading.Done(); view(*httpAddress, task, *lines, &ready, &seen) }(fmt.Sprint(*prefix, t))
		}
	}
	ready.Wait()
	time.Sleep(500 * time.Millisecond)
	fmt.Println("ready")
	os.Stdout.Sync()
	bufio.NewReader(os.Stdin).ReadString('\n')
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	begun := time.Now()
	for t := 0; t < *tasks; t++ {
		working.Add(1)
		go func(t int) {
			defer working.Done()
			offset := time.Duration(0)
			if *rate > 0 {
				offset = time.Duration(float64(t) / float64(*tasks) / *rate * 1e9)
			}
			work(clients[t%*connections], fmt.Sprint(*prefix, t), *lines, *rate, offset, *window, &acks)
		}(t)
	}
	working.Wait()
	took := time.Since(begun).Seconds()
	finished := make(chan bool)
	go func() { reading.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(30 * time.Second):
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	seconds := func(r syscall.Rusage) float64 {
		return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
	}
	sort.Slice(seen.ns, func(i, j int) bool { return seen.ns[i] < seen.ns[j] })
	sort.Slice(acks.ns, func(i, j int) bool { return acks.ns[i] < acks.ns[j] })
	total := *tasks * *lines
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"lines": total, "answered": answered, "refused": refused, "lost": int64(total**viewers) - delivered, "disorder": disorder,
		"seconds": took, "lines_per_s": float64(total) / took, "client_cpu_s": seconds(after) - seconds(before),
		"ack_p50_ms": acks.quantile(.5), "ack_p99_ms": acks.quantile(.99), "p50_ms": seen.quantile(.5), "p99_ms": seen.quantile(.99), "max_ms": seen.quantile(1),
	})
}
