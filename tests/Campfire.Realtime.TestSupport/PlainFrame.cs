using System.Text;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.TestSupport;

// A WebSocket message, not interpreted any further than JSON.
public sealed record PlainFrame(bool IsBinary, byte[] Bytes)
{
    public string Text => Encoding.UTF8.GetString(Bytes);

    public JsonNode Json => JsonNode.Parse(Bytes)!;

    // The event of a text frame, of whichever version; null for a binary one.
    public string? Event => IsBinary ? null : Json is JsonArray array ? (string?)array[3] : (string?)Json["event"];

    public string? Topic => IsBinary ? null : Json is JsonArray array ? (string?)array[2] : (string?)Json["topic"];

    public string? Ref => IsBinary ? null : Json is JsonArray array ? (string?)array[1] : (string?)Json["ref"];

    public string? JoinRef => IsBinary ? null : Json is JsonArray array ? (string?)array[0] : null;

    public JsonNode? Payload => IsBinary ? null : Json is JsonArray array ? array[4] : Json["payload"];

    public override string ToString() => IsBinary ? $"BIN {Encoding.Latin1.GetString(Bytes)}" : Text;
}
