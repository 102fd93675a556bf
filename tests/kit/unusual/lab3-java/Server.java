// Unusual: Java. Each client has a reading thread and a writing thread.

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import sun.misc.Signal;

public final class Server {
    private static final int MAX_WAITING = 1024 * 1024;
    private static final byte[] END = {};

    private static final Set<Client> room = ConcurrentHashMap.newKeySet();

    private static synchronized void log(String text) {
        System.out.println(Frames.harmless(text));
        System.out.flush();
    }

    private static void count() {
        log("[SERVER] active connections = " + room.size());
    }

    private static final class Client {
        final Socket socket;
        final LinkedBlockingQueue<byte[]> frames = new LinkedBlockingQueue<>();
        private int waiting;

        Client(Socket socket) {
            this.socket = socket;
        }

        /** Sends a frame without waiting, because another thread writes it. */
        synchronized void gets(byte[] frame) {
            waiting += frame.length;
            if (waiting > MAX_WAITING) {
                leave();
                close();
            } else {
                frames.add(frame);
            }
        }

        private synchronized void wrote(int bytes) {
            waiting -= bytes;
        }

        void write() {
            try {
                for (byte[] frame = frames.take(); frame != END; frame = frames.take()) {
                    socket.getOutputStream().write(frame);
                    wrote(frame.length);
                }
                socket.shutdownOutput();
            } catch (IOException | InterruptedException gone) {
                close();
            }
        }

        void serve() {
            try {
                InputStream from = new BufferedInputStream(socket.getInputStream());
                String text;
                do {
                    text = Frames.read(from);
                    log(text);
                    byte[] frame = Frames.frame(text);
                    room.stream().filter(member -> member != this).forEach(member -> member.gets(frame));
                } while (!text.equals("!DISCONNECT") && !text.endsWith("] : !DISCONNECT"));
            } catch (Frames.BadHeader bad) {
                log("[SERVER] " + bad.getMessage());
            } catch (IOException gone) {
                // The end of the stream, a frame that was cut off, or a reset.
            }
            leave();
            frames.add(END);
            drain();
            close();
        }

        private void leave() {
            if (room.remove(this)) {
                count();
            }
        }

        /** Reads the bytes that are still arriving; otherwise, a reset could destroy the last message. */
        private void drain() {
            long end = System.nanoTime() + 1_000_000_000L;
            byte[] bytes = new byte[65536];
            try {
                for (long left = 1000; left > 0; left = (end - System.nanoTime()) / 1_000_000) {
                    socket.setSoTimeout((int) left);
                    if (socket.getInputStream().read(bytes) < 0) {
                        return;
                    }
                }
            } catch (IOException gone) {
                // It does not matter how the connection ends.
            }
        }

        private void close() {
            try {
                socket.close();
            } catch (IOException gone) {
                // The connection has ended anyway.
            }
        }
    }

    private static void start(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    }

    public static void main(String[] arguments) throws IOException {
        Signal.handle(new Signal("INT"), signal -> Runtime.getRuntime().halt(0));
        int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 9095;
        log("[SERVER] Starting ...");
        ServerSocket listener;
        try {
            listener = new ServerSocket(port, 1000, InetAddress.getByName("127.0.0.1"));
        } catch (IOException error) {
            System.err.println("cannot listen on port " + port + ": " + error.getMessage());
            System.exit(1);
            return;
        }
        log("[SERVER] server started at 127.0.0.1:" + listener.getLocalPort());
        log("listening on 127.0.0.1:" + listener.getLocalPort());
        while (true) {
            Socket socket = listener.accept();
            socket.setTcpNoDelay(true);
            Client client = new Client(socket);
            log("[SERVER] 127.0.0.1:" + socket.getPort() + " connected");
            room.add(client);
            count();
            start(client::write);
            start(client::serve);
        }
    }
}
