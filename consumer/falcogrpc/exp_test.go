package falcogrpc

import (
	"context"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"google.golang.org/grpc/credentials/insecure"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

type keepBuf struct{ codec }

func (keepBuf) Unmarshal(data mem.BufferSlice, v any) error {
	p := v.(*mem.Buffer)
	*p = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}

func BenchmarkPipe(b *testing.B) {
	for name, message := range samples(b) {
		address := startEndless(b, message)
		bare := subscribe(b, address, grpc.ForceCodecV2(bytesOnly{}))
		decoded := subscribe(b, address, grpc.ForceCodecV2(codec{}))
		pipeStream := subscribeX(b, address)
		b.Run(name, func(b *testing.B) {
			index := make([]byte, 64<<20)
			index[5] = 1
			const turn = 19_200
			var t1, t2, t3 time.Duration
			var m received
			work := make(chan []mem.Buffer, 4)
			done := make(chan struct{})
			go func() {
				for batch := range work {
					for _, x := range batch {
						if _, err := Decode(x.ReadOnlyData()); err != nil {
							panic(err)
						}
						x.Free()
					}
					if len(batch) < 64 {
						done <- struct{}{}
					}
				}
			}()
			n := 0
			for b.Loop() {
				t1 += read(b, bare, turn, &m)
				t2 += read(b, decoded, turn, &m)
				began := time.Now()
				batch := make([]mem.Buffer, 0, 64)
				for range turn {
					var x mem.Buffer
					if err := pipeStream.RecvMsg(&x); err != nil {
						b.Fatal(err)
					}
					if batch = append(batch, x); len(batch) == 64 {
						work <- batch
						batch = make([]mem.Buffer, 0, 64)
					}
				}
				work <- batch
				<-done
				t3 += time.Since(began)
				n += turn
			}
			close(work)
			b.ReportMetric(float64(n)/t1.Seconds(), "bytes/s")
			b.ReportMetric(t1.Seconds()/t2.Seconds(), "serial-ratio")
			b.ReportMetric(t1.Seconds()/t3.Seconds(), "pipe-ratio")
		})
	}
}

func subscribeX(b *testing.B, address string) grpc.ClientStream {
	conn, err := grpc.NewClient(address, dialOptions(insecure.NewCredentials())...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	sub, err := conn.NewStream(context.Background(), &outputs.Service_ServiceDesc.Streams[0], outputs.Service_Sub_FullMethodName, grpc.ForceCodecV2(keepBuf{}), grpc.WaitForReady(true))
	if err != nil {
		b.Fatal(err)
	}
	if err := sub.SendMsg(frame(nil)); err != nil {
		b.Fatal(err)
	}
	return sub
}
