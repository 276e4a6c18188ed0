using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Fuzz;

// Reads every stream that a client has, and joins again what ended with a reason. Ending without one is wrong.
internal sealed class FuzzedApplication(CampfireClient client, ScriptedDatabase database, JumpingTime time) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _all = Task.CompletedTask;
    private volatile string? _complaint;
    private long _at;
    private int _ends;

    public string? Complaint => _complaint;

    public long At => Volatile.Read(ref _at);

    public int Ends => Volatile.Read(ref _ends);

    public bool HasEnded => _all.IsCompleted;

    public void Dispose() => _stopping.Dispose();

    public void Start() => _all = Task.Run(async () =>
    {
        await client.ConnectAsync(_stopping.Token);
        await Task.WhenAll(FollowAsync(ReadConversationAsync), FollowAsync(ReadInboxAsync));
    });

    public void Stop() => _stopping.Cancel();

    private async Task FollowAsync(Func<Task> follow)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await follow();
                if (!_stopping.IsCancellationRequested)
                    _complaint ??= "A stream ended without a word.";
            }
            catch (CampfireException)
            {
                Interlocked.Increment(ref _ends);
            }
            catch (Exception e) when (_stopping.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (Exception e)
            {
                _complaint ??= e.ToString();
            }

            await Task.Delay(TimeSpan.FromSeconds(1), time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadConversationAsync()
    {
        Task others;
        await using (Conversation conversation = await client.JoinConversationAsync(database.OrganizationId, database.ConversationId, _at, _stopping.Token))
        {
            others = Task.WhenAll(DrainAsync(conversation.Typing.ReadChangesAsync()), DrainAsync(conversation.Presence.WatchAsync()));
            await foreach (ConversationEvent e in conversation.ReadEventsAsync())
            {
                if (e is not StoredEvent stored)
                    continue;

                // What the server makes up in place of the next event cannot be told from it; that it takes the place once can.
                if (stored.Sequence != _at + 1)
                    _complaint ??= $"Event {stored.Sequence} behind {_at}.";
                Volatile.Write(ref _at, stored.Sequence);
            }
        }

        await others;
    }

    private async Task ReadInboxAsync()
    {
        await using Inbox inbox = await client.JoinInboxAsync(database.OrganizationId, _stopping.Token);
        await foreach (ConversationSummary _ in inbox.ReadChangesAsync())
        {
        }
    }

    private static async Task DrainAsync<T>(IAsyncEnumerable<T> stream)
    {
        await foreach (T _ in stream)
        {
        }
    }
}
