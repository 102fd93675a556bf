// The wire format of lab 3: a header of 64 bytes with the length of the payload in bytes.

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

final class Frames {
    static final int HEADER = 64;
    static final int LIMIT = 64 * 1024;
    private static final Pattern LENGTH = Pattern.compile(" *0*([0-9]{1,5}) *");

    /** The received bytes are not a frame. */
    static final class BadHeader extends IOException {
        BadHeader(String header) {
            super("a bad header: " + harmless(header));
        }
    }

    private Frames() {}

    static byte[] frame(String text) {
        byte[] payload = text.getBytes(StandardCharsets.UTF_8);
        byte[] header = String.format("%-" + HEADER + "d", payload.length).getBytes(StandardCharsets.US_ASCII);
        byte[] all = new byte[HEADER + payload.length];
        System.arraycopy(header, 0, all, 0, HEADER);
        System.arraycopy(payload, 0, all, HEADER, payload.length);
        return all;
    }

    /** Returns the next payload. A header is rejected as soon as it can no longer be valid. */
    static String read(InputStream from) throws IOException {
        StringBuilder header = new StringBuilder();
        while (header.length() < HEADER) {
            int next = from.read();
            if (next < 0) {
                throw new EOFException();
            }
            header.append((char) next);
            if (!header.toString().isBlank() && length(header) < 0) {
                throw new BadHeader(header.toString());
            }
        }
        int length = length(header);
        if (length < 0) {
            throw new BadHeader(header.toString());
        }
        byte[] payload = from.readNBytes(length);
        if (payload.length < length) {
            throw new EOFException();
        }
        return new String(payload, StandardCharsets.UTF_8);
    }

    private static int length(CharSequence header) {
        Matcher matcher = LENGTH.matcher(header);
        int length = matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
        return length > LIMIT ? -1 : length;
    }

    static String harmless(String text) {
        StringBuilder shown = new StringBuilder();
        text.codePoints().map(c -> Character.isISOControl(c) ? 0xfffd : c).forEach(shown::appendCodePoint);
        return shown.toString();
    }
}
