using System.Globalization;
using System.Text;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Fuzz;

// A million frames of a hostile or broken server, from the socket up to the streams of an application.
//
// CAMPFIRE_FUZZ_FRAMES sets how many, CAMPFIRE_FUZZ_SEED repeats a run.
[NonParallelizable]
public sealed class FrameFuzzTests
{
    private const int DefaultFrames = 1_000_000;
    private const int FramesBetweenEvents = 2_000;
    private const int JoinsAreIgnoredEvery = 50;

    // What full buffers, held events and a full roster take: 80 MB were seen after one million frames, and after three.
    private const long MaxGrowthBytes = 256 * 1024 * 1024;

    // A few hundred kinds and connections at most; a line for each bad frame would be hundreds of thousands.
    private const int MaxLines = 5_000;

    private static readonly TimeSpan Watchdog = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    [Test]
    public void Hostile_frames_neither_stop_the_client_nor_fill_its_memory_and_what_is_valid_between_them_arrives()
    {
        int frames = int.TryParse(Environment.GetEnvironmentVariable("CAMPFIRE_FUZZ_FRAMES"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : DefaultFrames;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("CAMPFIRE_FUZZ_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : Random.Shared.Next();
        TestContext.Out.WriteLine($"{frames} frames, CAMPFIRE_FUZZ_SEED={seed}");

        Stillness.Begin();
        Assert.That(Stillness.OnThreadOfItsOwn(() => Run(frames, new Random(seed))), Is.Null, $"CAMPFIRE_FUZZ_SEED={seed} repeats it");
    }

    private static string? Run(int frames, Random random)
    {
        var time = new JumpingTime();
        var server = new ScriptedServer();
        using var database = new ScriptedDatabase();
        using var log = new KeptLog(LogLevel.Warning);
        ScriptedSocket? socket = null;
        server.OnConnected = connected => socket = connected;
        database.OnCall = (function, _, _) => Task.FromResult(
            function == "campfire_conversations" ? ScriptedDatabase.Json("""{"conversations":[],"has_more":false,"server_time":"2026-01-02T03:04:05.000000Z"}""") : null);
        var client = new CampfireClient(
            new CampfireClientOptions
            {
                Url = new Uri("http://supabase.test"),
                ApiKey = "sb_publishable_key",
                HttpMessageHandler = database,
                TimeProvider = time,
                JitterSeed = random.Next(),
                AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue)),
                LoggerFactory = log,
            },
            server.NewSocket);
        using var application = new FuzzedApplication(client, database, time);
        var maker = new FrameMaker(database, random);
        string topic = Encoding.UTF8.GetString(ChannelName.Conversation(database.OrganizationId, database.ConversationId).WireTopic.Span);

        database.Store();
        application.Start();
        Stillness.Await(Watchdog);

        long before = 0;
        for (int sent = 0, rounds = 0, taken = 0; sent < frames; sent += FramesBetweenEvents, rounds++)
        {
            server.AnswersJoins = rounds % JoinsAreIgnoredEvery != JoinsAreIgnoredEvery - 1;
            if (!server.AnswersJoins)
                socket!.Break();
            for (int i = 0; i < FramesBetweenEvents; i++)
            {
                (byte[] bytes, bool isBinary) = maker.Next();
                if (isBinary)
                    socket!.ReceiveBinary(bytes);
                else
                    socket!.ReceivePart(bytes, isEnd: true);
            }

            string payload = database.Store("between");
            socket!.Broadcast(topic, EventNames.MessageCreated, payload);
            Stillness.Await(Watchdog);

            // Live, as long as no frame has ended the channel or the link; then after what the client waits for.
            server.AnswersJoins = true;
            for (long patience = time.GetTimestamp() + Patience.Ticks; application.At < database.LastSequence && time.FireNext(patience);)
                Stillness.Await(Watchdog);
            if (application.Complaint is { } complaint)
                return complaint;
            if (application.At < database.LastSequence)
                return $"After {sent} frames the application has heard up to {application.At}, the log ends at {database.LastSequence}.";

            // A broken socket holds what was still sent to it: that is the double's memory, not the client's.
            for (; taken < server.Connects; taken++)
                _ = server.NextSocketAsync();
            if (rounds == 5)
                before = GC.GetTotalMemory(forceFullCollection: true);
        }

        long grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        application.Stop();
        Task disposal = client.DisposeAsync().AsTask();
        Stillness.Await(Watchdog);
        for (long patience = time.GetTimestamp() + Patience.Ticks; !(disposal.IsCompleted && application.HasEnded) && time.FireNext(patience);)
            Stillness.Await(Watchdog);

        string[] unexpected = [.. log.Lines.Where(line => line.Level >= LogLevel.Error && line.Id is not (1202 or 1413)).Select(line => line.Text)];
        int violations = log.Lines.Count(line => line.Id is 1110 or 1113);
        TestContext.Out.WriteLine(
            $"{database.LastSequence} events heard, {application.Ends} ends with a reason, {server.Connects} connects, {database.Calls("campfire_events")} reads of the log, {log.Lines.Count} lines logged, {violations} of them for violations, grown by {grown / 1024} kB");
        return application.Complaint
            ?? (!disposal.IsCompletedSuccessfully || !application.HasEnded ? "The client could not be disposed." : null)
            ?? (unexpected.Length > 0 ? $"Logged as an error: {unexpected[0]}" : null)
            ?? (violations is 0 or > MaxLines ? $"{violations} lines for violations." : null)
            ?? (before > 0 && grown > MaxGrowthBytes ? $"The memory grew by {grown} bytes." : null);
    }
}
