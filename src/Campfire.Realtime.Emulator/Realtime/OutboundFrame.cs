using System.Net.WebSockets;

namespace Campfire.Realtime.Emulator.Realtime;

// What waits for a socket's writer: bytes that may be shared with other sockets, the close frame, or the reply of a
// join that is still being decided, behind which everything else has to wait.
internal readonly record struct OutboundFrame(
    ReadOnlyMemory<byte> Bytes,
    WebSocketMessageType Type,
    Task<OutboundFrame>? Pending = null,
    WebSocketCloseStatus CloseStatus = default)
{
    public static OutboundFrame Text(ReadOnlyMemory<byte> bytes) => new(bytes, WebSocketMessageType.Text);

    public static OutboundFrame Binary(ReadOnlyMemory<byte> bytes) => new(bytes, WebSocketMessageType.Binary);

    public static OutboundFrame Later(Task<OutboundFrame> frame) => new(default, default, frame);

    public static OutboundFrame Close(WebSocketCloseStatus status) => new(default, WebSocketMessageType.Close, null, status);
}
