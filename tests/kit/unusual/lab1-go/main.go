// Unusual: Go, with a goroutine for each direction of each connection and the line editor from golang.org/x/term.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"
)

const (
	greeting   = "Welcome to this chatroom!"
	refusal    = "The chatroom is full"
	maxMessage = 64 << 10
	maxBacklog = 1 << 20
	silence    = 50 * time.Millisecond
	patience   = time.Second
)

var errTooLong = errors.New("a message may have at most 65536 bytes")

// `messages` calls the function `use` for each message until `use` returns `false` or the stream ends. If a peer has
// never sent a newline, a message ends when no bytes arrive for a moment.
func messages(connection net.Conn, use func(string) bool) error {
	var begun []byte
	piece := make([]byte, 32<<10)
	endsInSilence := true
	take := func(bytes []byte) bool {
		return len(bytes) == 0 || use(strings.ToValidUTF8(string(bytes), "\uFFFD"))
	}
	for {
		deadline := time.Time{}
		if endsInSilence && len(begun) > 0 {
			deadline = time.Now().Add(silence)
		}
		connection.SetReadDeadline(deadline)
		count, err := connection.Read(piece)
		begun = append(begun, piece[:count]...)
		for {
			line, rest, found := bytes.Cut(begun, []byte("\n"))
			if !found {
				break
			}
			endsInSilence = false
			line = bytes.TrimRight(line, "\r")
			if len(line) > maxMessage {
				return errTooLong
			}
			if !take(line) {
				return nil
			}
			begun = rest
		}
		if len(begun) > maxMessage+1 {
			return errTooLong
		}
		if err == nil {
			continue
		}
		isSilent := errors.Is(err, os.ErrDeadlineExceeded)
		isOver := !take(begun)
		begun = nil
		if isOver || errors.Is(err, io.EOF) {
			return nil
		}
		if !isSilent {
			return err
		}
	}
}

func shown(text string) string {
	return strings.Map(func(char rune) rune {
		if unicode.IsControl(char) {
			return '?'
		}
		return char
	}, text)
}

// `drain` closes a connection, but first lets the peer receive the last message, which a reset could destroy.
func drain(connection net.Conn) {
	connection.(*net.TCPConn).CloseWrite()
	connection.SetReadDeadline(time.Now().Add(patience))
	io.Copy(io.Discard, connection)
	connection.Close()
}

type member struct {
	connection net.Conn
	backlog    []byte
	isLeaving  bool
	changed    *sync.Cond
}

type room struct {
	sync.Mutex
	members map[*member]bool
}

// The caller of `push` must hold the lock on the room.
func (one *member) push(text string) {
	one.backlog = append(one.backlog, text...)
	if len(one.backlog) > maxBacklog {
		one.connection.Close()
	}
	one.changed.Signal()
}

// `send` writes the backlog until the member leaves.
func (one *member) send() {
	for {
		one.changed.L.Lock()
		for len(one.backlog) == 0 && !one.isLeaving {
			one.changed.Wait()
		}
		pending := one.backlog
		one.backlog = nil
		one.changed.L.Unlock()
		if len(pending) == 0 {
			drain(one.connection)
			return
		}
		for len(pending) > 0 {
			part := pending
			if len(part) > 64<<10 {
				part = part[:64<<10]
			}
			if _, err := one.connection.Write(part); err != nil {
				one.connection.Close()
				break
			}
			pending = pending[len(part):]
		}
	}
}

func (room *room) talk(one *member, address string) {
	err := messages(one.connection, func(text string) bool {
		if text == "quit" {
			return false
		}
		said := fmt.Sprintf("<%s> %s\n", address, text)
		room.Lock()
		defer room.Unlock()
		for other := range room.members {
			if other != one {
				other.push(said)
			}
		}
		fmt.Printf("<%s> %s\n", address, shown(text))
		return true
	})
	room.Lock()
	defer room.Unlock()
	if errors.Is(err, errTooLong) {
		one.push(err.Error() + "\n")
	}
	delete(room.members, one)
	one.isLeaving = true
	one.connection.SetWriteDeadline(time.Now().Add(patience))
	one.changed.Signal()
	fmt.Printf("%s closed\n", address)
}

func serve(port string, seats int) error {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("cannot listen on port %s: %w", port, err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted
		os.Exit(0)
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	room := room{members: map[*member]bool{}}
	for {
		connection, err := listener.Accept()
		if err != nil {
			time.Sleep(silence)
			continue
		}
		address, _, _ := net.SplitHostPort(connection.RemoteAddr().String())
		room.Lock()
		if len(room.members) >= seats {
			room.Unlock()
			go func() {
				connection.SetWriteDeadline(time.Now().Add(patience))
				fmt.Fprintf(connection, "%s\n", refusal)
				drain(connection)
			}()
			continue
		}
		one := &member{connection: connection, changed: sync.NewCond(&room.Mutex)}
		one.push(greeting + "\n")
		room.members[one] = true
		fmt.Printf("%s connected\n", address)
		room.Unlock()
		go one.send()
		go room.talk(one, address)
	}
}

// `lines` calls the function `use` for each typed line. It returns two functions: `show` shows a message, and
// `restore` restores the terminal.
func lines(use func(string)) (show func(string), restore func()) {
	keyboard := int(os.Stdin.Fd())
	before, err := term.MakeRaw(keyboard)
	if err != nil {
		scanner := bufio.NewScanner(os.Stdin)
		go func() {
			for scanner.Scan() {
				use(scanner.Text())
			}
			use("quit")
		}()
		return func(text string) { fmt.Println(shown(text)) }, func() {}
	}
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{os.Stdin, os.Stdout}, "> ")
	if width, height, err := term.GetSize(keyboard); err == nil {
		terminal.SetSize(width, height)
	}
	go func() {
		for {
			line, err := terminal.ReadLine()
			if err != nil {
				// The user has pressed Ctrl-C or Ctrl-D.
				use("quit")
				return
			}
			use(line)
		}
	}()
	return func(text string) { fmt.Fprintf(terminal, "%s\n", shown(text)) }, func() { term.Restore(keyboard, before) }
}

func talk(port string) error {
	connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("no server at port %s: %w", port, err)
	}
	var leaving sync.Once
	left := make(chan bool, 1)
	show, restore := lines(func(line string) {
		if line == "quit" {
			leaving.Do(func() {
				left <- true
				fmt.Fprint(connection, line)
				connection.(*net.TCPConn).CloseWrite()
				time.AfterFunc(patience, func() { connection.Close() })
			})
		} else if line != "" {
			fmt.Fprintf(connection, "%s\n", line)
		}
	})
	defer restore()
	err = messages(connection, func(text string) bool {
		show(text)
		return true
	})
	select {
	case <-left:
		return nil
	default:
		if err == nil {
			err = io.EOF
		}
		return fmt.Errorf("\r\nthe server has closed the connection: %w", err)
	}
}

// The arguments are `server` or `client`, the port, and the flags.
func main() {
	seats := flag.Int("seats", 2, "how many people can talk")
	flag.CommandLine.Parse(os.Args[3:])
	var err error
	if port := os.Args[2]; os.Args[1] == "server" {
		err = serve(port, *seats)
	} else {
		err = talk(port)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
