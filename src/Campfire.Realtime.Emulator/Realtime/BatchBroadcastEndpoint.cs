using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class BatchBroadcastEndpoint(RestBroadcaster broadcaster)
{
    private const string Blank = "can't be blank";
    private const string Invalid = "is invalid";

    public async Task SendAsync(HttpContext context)
    {
        if (await broadcaster.IdentifyAsync(context).ConfigureAwait(false) is not { } identity
            || await RestBroadcaster.ReadBodyAsync(context).ConfigureAwait(false) is not { } body)
        {
            return;
        }
        using var document = TryParse(body);
        if (document is null)
        {
            await RestBroadcaster.AnswerAsync(context, StatusCodes.Status400BadRequest, "Malformed JSON").ConfigureAwait(false);
            return;
        }
        if (Validate(document.RootElement, broadcaster.Services.Limits.MaxPayloadBytes) is { } errors)
        {
            var answer = new JsonObject { ["errors"] = new JsonObject { ["messages"] = errors } };
            await HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status422UnprocessableEntity, answer).ConfigureAwait(false);
            return;
        }

        var messages = document.RootElement.GetProperty("messages").EnumerateArray().ToLookup(IsPrivate);
        foreach (var message in messages[false])
            Publish(message, isPrivate: false);
        // Topics that the caller may not write to are passed over in silence, and the answer stays 202.
        foreach (var topic in messages[true].GroupBy(message => message.GetProperty("topic").GetString()!, StringComparer.Ordinal))
        {
            if (await broadcaster.MayWriteAsync(identity, topic.Key, context.RequestAborted).ConfigureAwait(false) is not true)
                continue;
            foreach (var message in topic)
                Publish(message, isPrivate: true);
        }
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private void Publish(JsonElement message, bool isPrivate)
    {
        var hub = broadcaster.Services.Hub;
        if (hub.Find(message.GetProperty("topic").GetString()!, isPrivate) is { } audience)
            hub.Broadcast(audience, BroadcastFrames.Envelope(audience.WireName, EnvelopeOf(message)), sender: null);
    }

    private static byte[] EnvelopeOf(JsonElement message)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("event"u8, message.GetProperty("event").GetString());
            if (message.TryGetProperty("id", out var given) && JsonText.Read(given) is { } id)
            {
                json.WriteStartObject("meta"u8);
                json.WriteString("id"u8, id);
                json.WriteEndObject();
            }
            json.WritePropertyName("payload"u8);
            json.WriteRawValue(message.GetProperty("payload").GetRawText(), skipInputValidation: true);
            json.WriteString("type"u8, "broadcast"u8);
            json.WriteEndObject();
        }
        return bytes.WrittenSpan.ToArray();
    }

    // Null when all messages are valid; otherwise one entry for each, empty for the valid ones.
    private static JsonArray? Validate(JsonElement body, int maxPayloadBytes)
    {
        if (body.ValueKind != JsonValueKind.Object
            || !body.TryGetProperty("messages", out var messages)
            || messages.ValueKind != JsonValueKind.Array
            || messages.GetArrayLength() == 0)
        {
            return new JsonArray(Blank);
        }
        var errors = new JsonArray();
        foreach (var message in messages.EnumerateArray())
            errors.Add(Validate(message, maxPayloadBytes, "topic", "event"));
        return errors.All(error => error!.AsObject().Count == 0) ? null : errors;
    }

    private static JsonObject Validate(JsonElement message, int maxPayloadBytes, params ReadOnlySpan<string> texts)
    {
        var errors = new JsonObject();
        foreach (var name in texts)
        {
            if (Find(message, name) is not { } text)
                errors[name] = new JsonArray(Blank);
            else if (JsonText.Read(text) is not { } value)
                errors[name] = new JsonArray(Invalid);
            else if (value.Length == 0)
                errors[name] = new JsonArray(Blank);
        }
        if (Find(message, "payload") is not { } payload)
            errors["payload"] = new JsonArray(Blank);
        else if (payload.ValueKind != JsonValueKind.Object || !JsonText.IsReadable(payload))
            errors["payload"] = new JsonArray(Invalid);
        else if (Encoding.UTF8.GetByteCount(payload.GetRawText()) > maxPayloadBytes)
            errors["payload"] = new JsonArray("Payload size exceeds tenant limit");
        return errors;
    }

    private static JsonElement? Find(JsonElement message, string name) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool IsPrivate(JsonElement message) => Find(message, "private") switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { } text => JsonText.Read(text) == "true",
        null => false,
    };

    private static JsonDocument? TryParse(byte[] body)
    {
        try
        {
            // The parser takes text as it comes, and a WebSocket that is sent such text is closed by its client.
            return Utf8.IsValid(body) ? JsonDocument.Parse(body.Length == 0 ? "{}"u8.ToArray() : body) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
