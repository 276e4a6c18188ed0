using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol;

namespace QuickStart;

internal sealed record Report(
    int Messages,
    TimeSpan Sending,
    TimeSpan WidgetAuth,
    IReadOnlyList<(string Name, Delivery Delivery)> Sides,
    IReadOnlyList<(ChannelName Name, IReadOnlyDictionary<string, int> Events, bool IsComplete)> Channels,
    Latency Latency,
    int BindingMismatchErrors)
{
    public bool IsPerfect =>
        Sides.All(side => side.Delivery.IsPerfect && side.Delivery.Delivered == Messages) && Channels.All(channel => channel.IsComplete) && BindingMismatchErrors == 0;

    public void Print()
    {
        Console.WriteLine();
        Console.WriteLine($"{Messages} messages stored in {Sending.TotalSeconds:0.0} s");
        Console.WriteLine();
        Console.WriteLine("Channel");
        foreach ((ChannelName name, IReadOnlyDictionary<string, int> events, _) in Channels)
        {
            foreach ((string eventName, int count) in events)
                Console.WriteLine($"  {name,-88} {eventName,-22} {count,7}");
            if (events.Count == 0)
                Console.WriteLine($"  {name,-88} nothing");
        }

        Console.WriteLine();
        Console.WriteLine($"{"Side",-10} {"delivered",10} {"lost",6} {"duplicates",11} {"out of order",13}");
        foreach ((string name, Delivery delivery) in Sides)
            Console.WriteLine($"{name,-10} {delivery.Delivered,10} {delivery.Lost,6} {delivery.Duplicates,11} {delivery.OutOfOrder,13}");

        Console.WriteLine();
        Console.WriteLine($"Stored → handler        p50 {Latency.P50:0.0} ms, p95 {Latency.P95:0.0} ms, p99 {Latency.P99:0.0} ms, max {Latency.Max:0.0} ms");
        Console.WriteLine($"Widget authentication   {WidgetAuth.TotalMilliseconds:0.0} ms");
        Console.WriteLine($"Binding mismatch errors {BindingMismatchErrors}");
        Console.WriteLine();
        Console.WriteLine(IsPerfect ? "Every event arrived at every side exactly once and in order." : "FAILED: not every event arrived exactly once and in order.");
    }

    public async Task WriteJsonAsync(string path, CancellationToken cancellationToken)
    {
        var sides = Sides.Select(side => KeyValuePair.Create<string, JsonNode?>(side.Name, new JsonObject
        {
            ["delivered"] = side.Delivery.Delivered,
            ["lost"] = side.Delivery.Lost,
            ["duplicates"] = side.Delivery.Duplicates,
            ["out_of_order"] = side.Delivery.OutOfOrder,
        }));
        var channels = Channels.Select(channel => KeyValuePair.Create<string, JsonNode?>(
            channel.Name.Value, new JsonObject(channel.Events.Select(e => KeyValuePair.Create<string, JsonNode?>(e.Key, e.Value)))));
        var report = new JsonObject([KeyValuePair.Create<string, JsonNode?>("messages", Messages), .. sides])
        {
            ["channels"] = new JsonObject(channels),
            ["latency_ms"] = new JsonObject { ["p50"] = Latency.P50, ["p95"] = Latency.P95, ["p99"] = Latency.P99, ["max"] = Latency.Max },
            ["widget_auth_ms"] = Math.Round(WidgetAuth.TotalMilliseconds, 3),
            ["binding_mismatch_errors"] = BindingMismatchErrors,
        };
        await File.WriteAllTextAsync(path, report.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n", cancellationToken);
    }
}
