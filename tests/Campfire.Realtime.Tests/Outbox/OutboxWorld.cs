using System.Net;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Outbox;

// What becomes of the messages in a world's outbox.
internal static class OutboxWorld
{
    public static Task<SendResult> OutcomeAsync(this World world) => world.Client.ReadSendResultsAsync().FirstAsync(result => result.Outcome is not SendOutcome.Waiting);

    public static Task<SendResult> FirstResultAsync(this World world) => world.Client.ReadSendResultsAsync().FirstAsync(_ => true);

    public static async Task<List<SendResult>> ResultsAsync(this World world, int count)
    {
        await using IAsyncEnumerator<SendResult> results = world.Client.ReadSendResultsAsync().GetAsyncEnumerator();
        return await results.TakeAsync(count);
    }

    public static void OnSend(this World world, Func<string, HttpResponseMessage?> answer) => world.Database.OnCall =
        (function, arguments, _) => Task.FromResult(function == "campfire_send_message" ? answer((string)arguments["p_content"]!) : null);
}
