// Unusual: Java has no library for terminals, so stty turns off the terminal's own editing.

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.lang.ProcessBuilder.Redirect;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

public final class Client {
    private static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final Reader keys = new InputStreamReader(System.in, StandardCharsets.UTF_8);
    private static final StringBuilder typed = new StringBuilder();
    private static String prompt = "";
    private static String found = "sane";
    private static boolean isLeaving;

    private static String stty(String... arguments) throws IOException {
        String[] command = new String[arguments.length + 1];
        command[0] = "stty";
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        Process stty = new ProcessBuilder(command).redirectInput(Redirect.INHERIT).start();
        return new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).trim();
    }

    private static synchronized void show(String text) {
        out.print("\r\u001b[K" + Frames.harmless(text) + "\n" + prompt + typed);
        out.flush();
    }

    private static synchronized void ask(String question) {
        prompt = question;
        out.print("\r\u001b[K" + prompt + typed);
        out.flush();
    }

    /** Returns the next typed line, or null if the user leaves. */
    private static String line() throws IOException {
        while (true) {
            int key = keys.read();
            if (Character.isHighSurrogate((char) key)) {
                key = Character.toCodePoint((char) key, (char) keys.read());
            }
            synchronized (Client.class) {
                if (key < 0 || key == 3 || key == 4 && typed.length() == 0) {
                    return null;
                }
                if (key == '\n') {
                    String line = typed.toString();
                    typed.setLength(0);
                    out.print("\n" + prompt);
                    out.flush();
                    return line;
                }
                if (key == '\b' || key == 0x7f) {
                    if (typed.length() > 0) {
                        typed.setLength(typed.offsetByCodePoints(typed.length(), -1));
                    }
                    ask(prompt);
                } else if (!Character.isISOControl(key)) {
                    typed.appendCodePoint(key);
                    out.print(Character.toString(key));
                    out.flush();
                }
            }
        }
    }

    private static synchronized void leave(int status, String why) {
        try {
            stty(found);
        } catch (IOException gone) {
            // The terminal no longer exists.
        }
        if (!why.isEmpty()) {
            out.println("\n" + why);
        }
        Runtime.getRuntime().halt(status);
    }

    private static void receive(InputStream from) {
        String why = "the server has closed the connection";
        try {
            while (true) {
                show(Frames.read(from));
            }
        } catch (Frames.BadHeader bad) {
            why = "the server sent " + bad.getMessage();
        } catch (IOException gone) {
            // The connection has ended.
        }
        synchronized (Client.class) {
            if (!isLeaving) {
                leave(1, why);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 9095;
        found = stty("-g");
        stty("-icanon", "-echo", "-isig", "min", "1");
        show("Welcome to chatroom");
        ask("Enter your name : ");
        String name = line();
        if (name == null) {
            leave(0, "");
        }
        Socket socket;
        try {
            socket = new Socket("127.0.0.1", port);
        } catch (IOException error) {
            leave(1, "no server at port " + port + ": " + error.getMessage());
            return;
        }
        socket.setTcpNoDelay(true);
        ask("> ");
        Thread receiver = new Thread(() -> {
            try {
                receive(new BufferedInputStream(socket.getInputStream()));
            } catch (IOException gone) {
                leave(1, "the server is gone");
            }
        });
        receiver.setDaemon(true);
        receiver.start();
        try {
            for (String line = line(); line != null && !line.equals("!DISCONNECT"); line = line()) {
                if (!line.isEmpty()) {
                    socket.getOutputStream().write(Frames.frame("[" + name + "] : " + line));
                }
            }
            synchronized (Client.class) {
                isLeaving = true;
            }
            socket.getOutputStream().write(Frames.frame("[" + name + "] : !DISCONNECT"));
            socket.shutdownOutput();
            receiver.join(1000);
        } catch (IOException gone) {
            // The receiving thread reports this, unless the user is leaving.
            if (!isLeaving) {
                receiver.join();
            }
        }
        leave(0, "");
    }
}
