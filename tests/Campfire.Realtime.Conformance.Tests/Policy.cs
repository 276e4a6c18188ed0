namespace Campfire.Realtime.Conformance.Tests;

// A policy of realtime.messages that lives as long as one test, with a topic on which nothing else grants anything and the
// token of somebody to whom nothing else is granted.
internal sealed class Policy : IAsyncDisposable
{
    // PostgreSQL lets two who change policies of one table run into a deadlock.
    private static readonly SemaphoreSlim _changes = new(1);

    private readonly string _name = $"conformance_{Guid.NewGuid():N}";

    private Policy(string subTopic)
    {
        SubTopic = subTopic;
    }

    public string SubTopic { get; }

    public string Topic => $"realtime:{SubTopic}";

    public string Token { get; } = Target.TokenFor(Guid.NewGuid().ToString());

    public static Task<Policy> ReadAsync(string? extension = null, string? subTopic = null) =>
        GrantAsync("select", subTopic ?? $"granted:{Guid.NewGuid()}", extension);

    public static Task<Policy> WriteAsync(string subTopic, string? extension = null) => GrantAsync("insert", subTopic, extension);

    public static async Task<Policy> CreateAsync(string command, string subTopic, string condition)
    {
        var policy = new Policy(subTopic);
        await ChangeAsync($"""
            create policy {policy._name} on realtime.messages for {command} to authenticated
                {(command == "insert" ? "with check" : "using")} ({condition})
            """);
        return policy;
    }

    public async ValueTask DisposeAsync() => await ChangeAsync($"drop policy if exists {_name} on realtime.messages");

    private static async Task ChangeAsync(string sql)
    {
        await _changes.WaitAsync();
        try
        {
            await Target.ExecuteAsync(sql);
        }
        finally
        {
            _changes.Release();
        }
    }

    private static Task<Policy> GrantAsync(string command, string subTopic, string? extension) => CreateAsync(
        command, subTopic, $"realtime.topic() = '{subTopic}'" + (extension is null ? "" : $" and extension = '{extension}'"));
}
