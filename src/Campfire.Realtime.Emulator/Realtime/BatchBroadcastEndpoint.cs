using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class BatchBroadcastEndpoint(RestBroadcaster broadcaster)
{
    private const string Blank = "can't be blank";
    private const string Invalid = "is invalid";

    public async Task SendAsync(HttpContext context)
    {
        if (await RestBroadcaster.ReadBodyAsync(context).ConfigureAwait(false) is not { } body)
            return;
        using var document = await RestBroadcaster.ParseAsync(context, body).ConfigureAwait(false);
        if (document is null || await broadcaster.IdentifyAsync(context).ConfigureAwait(false) is not { } identity)
            return;
        if (Validate(document.RootElement, broadcaster.Services.Limits.MaxPayloadBytes) is { } errors)
        {
            await RestBroadcaster.AnswerErrorsAsync(context, "messages", errors).ConfigureAwait(false);
            return;
        }

        if (await broadcaster.ExceedsRateAsync(
                context, [.. document.RootElement.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("topic").GetString()!)])
            .ConfigureAwait(false))
        {
            return;
        }

        var messages = document.RootElement.GetProperty("messages").EnumerateArray().ToLookup(IsPrivate);
        foreach (var message in messages[false])
            Publish(message, isPrivate: false);
        // Topics that the caller may not write to are passed over in silence, and the answer stays 202.
        foreach (var topic in messages[true].GroupBy(message => message.GetProperty("topic").GetString()!, StringComparer.Ordinal))
        {
            if (!(await broadcaster.MayWriteAsync(identity, topic.Key, context.RequestAborted).ConfigureAwait(false)).IsAllowed)
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
            if (Find(message, "id")?.GetString() is { } id && !RestBroadcaster.IsBlank(id))
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

    // Null when all messages are valid; otherwise one entry for each, empty for the valid ones, or one text for all.
    private static JsonArray? Validate(JsonElement body, int maxPayloadBytes)
    {
        if (Find(body, "messages") is not { } messages || (messages.ValueKind == JsonValueKind.Array && messages.GetArrayLength() == 0))
            return new JsonArray(Blank);
        if (messages.ValueKind != JsonValueKind.Array || messages.EnumerateArray().Any(message => message.ValueKind != JsonValueKind.Object))
            return new JsonArray(Invalid);
        var errors = new JsonArray();
        foreach (var message in messages.EnumerateArray())
            errors.Add(ErrorsOf(message, maxPayloadBytes));
        return errors.All(error => error!.AsObject().Count == 0) ? null : errors;
    }

    private static JsonObject ErrorsOf(JsonElement message, int maxPayloadBytes)
    {
        var errors = new JsonObject();
        foreach (var name in (ReadOnlySpan<string>)["topic", "event"])
        {
            if (Find(message, name) is not { } text)
                errors[name] = new JsonArray(Blank);
            else if (JsonText.Read(text) is not { } value)
                errors[name] = new JsonArray(Invalid);
            else if (RestBroadcaster.IsBlank(value))
                errors[name] = new JsonArray(Blank);
        }
        if (Find(message, "payload") is not { } payload)
            errors["payload"] = new JsonArray(Blank);
        else if (payload.ValueKind != JsonValueKind.Object || !JsonText.IsReadable(payload))
            errors["payload"] = new JsonArray(Invalid);
        else if (JsonMarshal.GetRawUtf8Value(payload).Length > maxPayloadBytes)
            errors["payload"] = new JsonArray("Payload size exceeds tenant limit");
        if (Find(message, "id") is { } id && JsonText.Read(id) is null)
            errors["id"] = new JsonArray(Invalid);
        if (Find(message, "private") is { } isPrivate && !IsBoolean(isPrivate))
            errors["private"] = new JsonArray(Invalid);
        return errors;
    }

    private static JsonElement? Find(JsonElement message, string name) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    // Ecto's idea of a boolean.
    private static bool IsBoolean(JsonElement value) =>
        value.ValueKind is JsonValueKind.True or JsonValueKind.False || JsonText.Read(value) is "true" or "1" or "false" or "0" or "";

    private static bool IsPrivate(JsonElement message) => Find(message, "private") switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { } text => JsonText.Read(text) is "true" or "1",
        null => false,
    };
}
