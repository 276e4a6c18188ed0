using System.Diagnostics;
using Campfire.Realtime.TestSupport;
using Campfire.Realtime.Tests.Conversations;
using Npgsql;

namespace Campfire.Realtime.Tests.Outbox;

public sealed class OutboxCrashTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    [Test]
    public async Task Messages_that_a_killed_process_had_accepted_are_all_stored_once_and_in_order()
    {
        using var folder = new OutboxFolder();
        SupportDesk desk = await SupportDesk.CreateAsync(AssemblySetUp.Emulator);
        await using var database = NpgsqlDataSource.Create(AssemblySetUp.Emulator.ConnectionString);
        List<Guid> conversations = [desk.ConversationId];
        while (conversations.Count < 3)
        {
            await using NpgsqlCommand insert = database.CreateCommand("insert into public.conversations (organization_id, visitor_id) values ($1, $2) returning id");
            insert.Parameters.Add(new NpgsqlParameter { Value = desk.OrganizationId });
            insert.Parameters.Add(new NpgsqlParameter { Value = Guid.CreateVersion7() });
            conversations.Add((Guid)(await insert.ExecuteScalarAsync())!);
        }

        // The network is down in the first rounds, and bad in the others.
        var accepted = new List<(Guid Conversation, Guid Id, string Content)>();
        var random = new Random(11);
        for (int round = 0; round < 8; round++)
            accepted.AddRange(await WriteUntilKilledAsync(folder, desk, conversations, round, round < 3 ? 0 : 70, random.Next(1, 60)));

        await using (FileOutbox outbox = await folder.OpenAsync(options => options.Owner = desk.AgentId.ToString()))
        {
            await using CampfireClient client = await DeskClients.ConnectAsync(AssemblySetUp.Emulator, desk.AgentToken, options => options.Outbox = outbox);
            Task[] ends = [.. conversations.Select(id => EndAsync(client, desk.OrganizationId, id))];
            await Task.WhenAll(ends).WaitAsync(Deadline);
            Assert.That(await outbox.ReadAsync(), Is.Empty);
        }

        foreach (Guid conversation in conversations)
        {
            List<(Guid Id, string Content)> stored = await StoredAsync(database, conversation);
            Assert.That(stored.Select(row => row.Id), Is.Unique);
            Assert.That(stored.Select(row => row.Content), Is.Ordered.Ascending.Using((IComparer<string>)StringComparer.Ordinal));

            // One more of each round may have been accepted without having been said so.
            HashSet<Guid> said = [.. accepted.Where(row => row.Conversation == conversation).Select(row => row.Id)];
            Assert.That(said, Is.SubsetOf(stored.Select(row => row.Id)));
        }

        Assert.That(accepted, Has.Count.GreaterThan(50));
    }

    private static async Task EndAsync(CampfireClient client, Guid organizationId, Guid conversationId)
    {
        await using Conversation conversation = await client.JoinConversationAsync(organizationId, conversationId);
        await conversation.SendMessageAsync("~end");
    }

    private static async Task<List<(Guid Id, string Content)>> StoredAsync(NpgsqlDataSource database, Guid conversation)
    {
        await using NpgsqlCommand select = database.CreateCommand("select id, content from public.messages where conversation_id = $1 order by sequence");
        select.Parameters.Add(new NpgsqlParameter { Value = conversation });
        await using NpgsqlDataReader reader = await select.ExecuteReaderAsync();
        var rows = new List<(Guid, string)>();
        while (await reader.ReadAsync())
            rows.Add((reader.GetGuid(0), reader.GetString(1)));
        return rows;
    }

    private static async Task<List<(Guid, Guid, string)>> WriteUntilKilledAsync(
        OutboxFolder folder, SupportDesk desk, IEnumerable<Guid> conversations, int round, int percent, int count)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "Campfire.Realtime.OutboxWriter.dll"),
            AssemblySetUp.Emulator.Url.AbsoluteUri, AssemblySetUp.Emulator.AnonKey, desk.AgentToken, desk.AgentId.ToString(), folder.FilePath,
            $"{round}", $"{percent}", .. conversations.Select(id => id.ToString()),
        ];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);

        using var writer = Process.Start(start)!;
        Task<string> errors = writer.StandardError.ReadToEndAsync();
        var accepted = new List<(Guid, Guid, string)>();
        using var deadline = new CancellationTokenSource(Deadline);
        try
        {
            // What it says between the last line read here and its end counts too.
            bool isKilled = false;
            while (await writer.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
            {
                // A line that the end tore is no promise.
                if (line.Split(' ') is [var conversation, var id, { Length: 8 } content])
                    accepted.Add((Guid.Parse(conversation), Guid.Parse(id), content));
                if (accepted.Count >= count && !isKilled)
                {
                    writer.Kill();
                    isKilled = true;
                }
            }

            if (!isKilled)
                Assert.Fail($"The writer ended by itself: {await errors}");
        }
        finally
        {
            writer.Kill();
            await writer.WaitForExitAsync();
        }

        return accepted;
    }
}
