using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Typing;

public sealed class TypingJoinTests
{
    private const string Refusal = """{"status":"error","response":{"reason":"Unauthorized: You do not have permissions to read from this Channel topic"}}""";
    private const string Ok = """{"status":"ok","response":{"postgres_changes":[]}}""";
    private const string Withdrawn = "You no longer have permission to read from this Channel topic: x";

    [Test]
    public async Task Keystrokes_while_disconnected_wait_for_nothing_and_nothing_of_them_goes_out_minutes_later()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        world.Server.OnConnect = _ => new IOException("down");
        socket.Break();
        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();

        for (int i = 0; i < 20; i++)
            await conversation.Typing.StartAsync().InTime();
        world.Time.Advance(TimeSpan.FromMinutes(5));
        world.Server.OnConnect = _ => null;
        ScriptedSocket second = await world.Time.PassUntilAsync(world.Server.NextSocketAsync(), TimeSpan.FromSeconds(1));
        await TypingJoinAsync(world, second);
        world.Time.Advance(TimeSpan.FromSeconds(3));

        // The next one does, and is the first.
        await StartUntilJoinedAsync(conversation, second, world);
    }

    [Test]
    public async Task Keystroke_just_before_the_join_is_agreed_to_goes_out_with_it()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        world.Server.AnswersJoins = false;
        await conversation.Typing.StartAsync().InTime();
        SentFrame join = await socket.SentAsync("phx_join");

        world.Time.Advance(TimeSpan.FromSeconds(2));
        socket.Reply(join, Ok);

        Assert.That((await socket.SentAsync("broadcast")).UserEvent, Is.EqualTo(EventNames.TypingStart));
    }

    [Test]
    public async Task First_join_that_was_refused_is_told_to_the_next_keystroke_and_tried_again_after_that()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        world.Server.AnswersJoins = false;
        await conversation.Typing.StartAsync().InTime();
        socket.Reply(await socket.SentAsync("phx_join"), Refusal);

        CampfireException e = await ToldAsync(conversation);
        await conversation.Typing.StartAsync().InTime();
        socket.Reply(await socket.SentAsync("phx_join"), Ok);

        Assert.That(e.Code, Is.EqualTo(CampfireErrorCode.AccessDenied));
        Assert.That((await socket.SentAsync("broadcast")).UserEvent, Is.EqualTo(EventNames.TypingStart));
    }

    [Test]
    public async Task Reader_of_a_channel_that_is_agreed_to_and_withdrawn_at_once_is_told([Range(1, 40)] int run)
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        world.Server.AnswersJoins = false;
        await using IAsyncEnumerator<TypingChange> changes = conversation.Typing.ReadChangesAsync().GetAsyncEnumerator();
        ValueTask<bool> reading = changes.MoveNextAsync();
        SentFrame join = await socket.SentAsync("phx_join");

        socket.Reply(join, Ok);
        socket.SystemError(join, Withdrawn);
        socket.CloseChannel(join);

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => reading.InTime());
        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn), $"run {run}");
        Assert.That((await ToldAsync(conversation)).Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn));
    }

    [Test]
    public async Task Typing_on_a_flapping_network_is_shown_while_there_is_one()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await conversation.Typing.StartAsync().InTime();
        Assert.That((await socket.SentAsync("broadcast")).UserEvent, Is.EqualTo(EventNames.TypingStart));

        for (int i = 0; i < 5; i++)
        {
            socket.Break();
            Task<ScriptedSocket> next = world.Server.NextSocketAsync();
            socket = await world.Time.PassUntilAsync(next, TimeSpan.FromMilliseconds(20));
            await TypingJoinAsync(world, socket);
            world.Time.Advance(TimeSpan.FromSeconds(3));
            await StartUntilJoinedAsync(conversation, socket, world);
        }
    }

    private static async Task TypingJoinAsync(World world, ScriptedSocket socket)
    {
        Task<SentFrame> join = socket.SentAsync("phx_join");
        while (!(await world.Time.PassUntilAsync(join, TimeSpan.FromMilliseconds(20))).Topic.EndsWith(":typing", StringComparison.Ordinal))
            join = socket.SentAsync("phx_join");
    }

    // The answer to the join is on its way: a keystroke before it is dropped or goes out with it. No notice comes without one.
    private static async Task StartUntilJoinedAsync(Conversation conversation, ScriptedSocket socket, World world)
    {
        Assert.That(socket.TakeSent().Where(frame => frame.UserEvent is not null), Is.Empty);
        Task<SentFrame> notice = socket.SentAsync("broadcast");
        await conversation.Typing.StartAsync().InTime();
        Assert.That((await world.Time.PassUntilAsync(notice, TimeSpan.FromMilliseconds(1))).UserEvent, Is.EqualTo(EventNames.TypingStart));
    }

    // The refusal is on its way to the client.
    private static async Task<CampfireException> ToldAsync(Conversation conversation)
    {
        using var deadline = new CancellationTokenSource(Within.Deadline);
        while (true)
        {
            deadline.Token.ThrowIfCancellationRequested();
            try
            {
                await conversation.Typing.StartAsync(deadline.Token);
            }
            catch (CampfireException e)
            {
                return e;
            }

            await Task.Yield();
        }
    }
}
