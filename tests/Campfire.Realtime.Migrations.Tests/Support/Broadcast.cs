using System.Text.Json;

namespace Campfire.Realtime.Migrations.Tests.Support;

internal sealed record Broadcast(string Topic, string Event, JsonElement Payload, bool IsPrivate);
