using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Histories;

// The life of one client as networks, servers, databases, users and their patience make it.
internal sealed record History(int BufferSize, int JitterSeed, Act[] Acts)
{
    // Longer than the sum of what the client waits for at most: a dead line, a limit's minute, a tail check and the backoffs.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    // Longer than the longest backoff and a request without an answer, shorter than the time to the next tail check.
    private static readonly TimeSpan CatchUpPatience = TimeSpan.FromSeconds(45);

    // Far above what hours of heartbeats take, and met at once by a loop that does not wait.
    private const int MaxSteps = 50_000;

    public override string ToString() => $"buffer {BufferSize}, jitter {JitterSeed}: {string.Join(", ", Acts)}";

    // Plays the history. After each step whoever moves it waits until everything is still; the last one is null or the complaint.
    public IEnumerable<string?> Play()
    {
        var time = new JumpingTime();
        using var server = new HistoryServer(time);
        using var log = new KeptLog(LogLevel.Error);
        var client = new CampfireClient(
            new CampfireClientOptions
            {
                Url = new Uri("http://supabase.test"),
                ApiKey = "sb_publishable_key",
                HttpMessageHandler = server.Database,
                TimeProvider = time,
                JitterSeed = JitterSeed,
                EventBufferSize = BufferSize,
                AccessToken = _ => server.GiveToken(),
                LoggerFactory = log,
            },
            server.Sockets.NewSocket);
        using var application = new HistoryApplication(client, server, time);
        var late = new List<string>();
        bool isSpoilt = false, isInvented = false;
        int steps = 0;

        server.Database.Store();
        application.Start();
        yield return null;
        foreach (Act act in Acts)
        {
            isSpoilt |= act.Kind is ActKind.RowIsSpoilt;
            isInvented |= act.Kind is ActKind.EventIsInvented;
            if (Duration(act) is { } duration)
            {
                for (long until = time.GetTimestamp() + duration.Ticks; time.FireNext(until) && steps < MaxSteps; steps++)
                    yield return null;
            }
            else
            {
                Play(act, server, application, late);
                yield return null;
            }
        }

        server.Heal();
        application.GoOnReading();
        foreach (string payload in late)
            server.Broadcast(payload, isText: false);
        yield return null;
        string? complaint = null;
        long healed = time.GetTimestamp();
        long patience = healed + Patience.Ticks;
        while (complaint is null && !(application.IsIdle && server.IsJoined && application.At == server.Database.LastSequence)
            && application.Complaint is null && time.FireNext(patience) && steps++ < MaxSteps)
        {
            yield return null;
            if (application.IsIdle && server.IsJoined && application.At < server.SequenceAtJoin
                && time.GetTimestamp() > Math.Max(healed, server.JoinedAt) + CatchUpPatience.Ticks)
                complaint = $"Heard up to {application.At}, and nobody reads what was stored before the join, {server.SequenceAtJoin}.";
        }

        // Once settled, nothing stirs any more. The typing channel is joined while nobody waits for it, and one join may have met no answer.
        for (long until = time.GetTimestamp() + (CampfireClientOptions.DefaultReplyTimeout + TimeSpan.FromSeconds(5)).Ticks; time.FireNext(until) && steps++ < MaxSteps;)
            yield return null;
        complaint ??= steps >= MaxSteps ? "Something loops without waiting." : application.Verify();
        if (complaint is null && client.PendingReplies != 0)
            complaint = $"{client.PendingReplies} replies are still awaited.";

        application.Stop();
        Task disposal = client.DisposeAsync().AsTask();
        yield return null;
        for (long until = time.GetTimestamp() + TimeSpan.FromSeconds(10).Ticks; !(disposal.IsCompleted && application.HasEnded) && time.FireNext(until);)
            yield return null;
        complaint ??= !disposal.IsCompletedSuccessfully ? $"The disposal is {disposal.Status}: {disposal.Exception}"
            : !application.HasEnded ? "The application waits for a stream of a client that is disposed."
            : application.VerifyEnd();

        foreach ((_, int id, string text) in log.Lines)
        {
            bool isExpected = id switch
            {
                1202 => Enum.GetValues<CampfireErrorCode>().Any(server.Allows),
                1401 => isSpoilt,
                1413 => isInvented,
                _ => false,
            };
            if (!isExpected)
                complaint ??= $"Logged as an error, {id}: {text}";
        }

        yield return complaint;
    }

    private static TimeSpan? Duration(Act act) => act.Kind switch
    {
        ActKind.MillisecondsPass => TimeSpan.FromMilliseconds(1 + (act.Number % 1000)),
        ActKind.SecondsPass => TimeSpan.FromSeconds(1 + (act.Number % 60)),
        ActKind.MinutesPass => TimeSpan.FromMinutes(1 + (act.Number % 12)),
        ActKind.HoursPass => TimeSpan.FromHours(1 + (act.Number % 2)),
        _ => null,
    };

    private static void Play(Act act, HistoryServer server, HistoryApplication application, List<string> late)
    {
        int number = act.Number;
        bool isText = number % 2 == 0;
        ScriptedDatabase database = server.Database;
        switch (act.Kind)
        {
            case ActKind.EventArrives:
                server.Broadcast(database.Store($"event {database.LastSequence}"), isText);
                break;
            case ActKind.EventIsLost:
                database.Store();
                break;
            case ActKind.EventArrivesTwice:
                string twice = database.Store();
                server.Broadcast(twice, isText);
                server.Broadcast(twice, !isText);
                break;
            case ActKind.EventIsLate:
                late.Add(database.Store($"late {database.LastSequence}"));
                break;
            case ActKind.LateEventArrives when late.Count > 0:
                int index = number % late.Count;
                server.Broadcast(late[index], isText);
                late.RemoveAt(index);
                break;
            case ActKind.OldEventIsRepeated when database.LastSequence > 0:
                // As the server would repeat it, also where the log has lost it since.
                int old = number % database.Contents.Count;
                server.Broadcast(database.MessageJson(old + 1, database.Contents[old]), isText);
                break;
            case ActKind.EventIsInvented:
                server.Broadcast(database.MessageJson(isText ? 100_000 + number : long.MaxValue - (number % 3)), isText);
                break;
            case ActKind.EventIsUnreadable:
                database.Store();
                server.Broadcast(isText ? """{"sequence":"one"}""" : "{\"sequence\":", isText);
                break;
            case ActKind.EventsArriveInABurst:
                for (int i = 0; i < 1 + (number % 30); i++)
                    server.Broadcast(database.Store($"burst {i}"), isText);
                break;
            case ActKind.ReceiptArrives:
                server.Broadcast(
                    $$"""{"conversation_id":"{{database.ConversationId}}","participant_type":"agent","participant_id":"a","delivered_through":1,"read_through":1,"at":"2026-01-02T03:04:05.000000Z"}""",
                    isText, EventNames.ReadReceipt);
                break;
            case ActKind.RowIsDeleted:
                // Not what the client has sent: with the row the database would lose what it knows a repetition by.
                long deleted = 1 + (number % database.LastSequence);
                if (!database.Contents[(int)deleted - 1].StartsWith("sent", StringComparison.Ordinal) && application.Deleted.Add(deleted))
                    database.Forget(deleted);
                break;
            case ActKind.RowIsSpoilt:
                database.StoreRaw("order:shipped", """{"no":"sequence"}""");
                application.Deleted.Add(database.LastSequence);
                break;

            case ActKind.LineBreaks:
                server.Break();
                break;
            case ActKind.ServerHangsUp:
                server.HangUp(number switch { < 300 => 1000, < 600 => 1001, < 800 => 1011, _ => 1006 });
                break;
            case ActKind.LineGoesSilent:
                server.Silence();
                break;
            case ActKind.UpgradeIsRefused:
                server.FailUpgrade(number switch { < 300 => 429, < 600 => 503, _ => 502 }, null);
                break;
            case ActKind.ApiKeyIsRefused:
                server.FailUpgrade(401, "Invalid API key", CampfireErrorCode.InvalidApiKey);
                break;
            case ActKind.MalformedFrameArrives:
                server.Receive(number switch { < 250 => "", < 500 => "[1,2]", < 750 => "{}", _ => "\u0004\u0009" }, !isText);
                break;
            case ActKind.StrangeFrameArrives:
                server.Receive($"[null,\"{number}\",\"{server.Topic}\",\"{(isText ? "phx_reply" : "no:such")}\",{{\"status\":\"ok\",\"response\":{{}}}}]", false);
                break;

            case ActKind.JoinIsRefusedForTheMoment:
                server.FailJoin(number switch { < 300 => "ChannelRateLimitReached: Too many channels", < 600 => "UnknownErrorOnChannel: boom", < 800 => null, _ => "ClientJoinRateLimitReached: Too many joins per second" });
                break;
            case ActKind.JoinIsRefusedForTheToken:
                for (int i = 0; i < 1 + (number % 5); i++)
                    server.FailJoin("InvalidJWTToken: Token has expired 5 seconds ago", CampfireErrorCode.InvalidToken);
                break;
            case ActKind.JoinIsRefusedForGood:
                server.FailJoin("Unauthorized: You do not have permissions to read from this Channel topic", CampfireErrorCode.AccessDenied);
                break;
            case ActKind.JoinIsNotAnswered:
                server.IgnoreJoin();
                break;
            case ActKind.ChannelIsClosedForTheMoment:
                server.CloseChannel(number switch { < 300 => null, < 600 => "Too many messages per second", _ => "Something else" });
                break;
            case ActKind.ChannelIsClosedForTheToken:
                server.CloseChannel("Token has expired 5 seconds ago", CampfireErrorCode.InvalidToken);
                break;
            case ActKind.ChannelIsClosedForGood:
                server.CloseChannel("You no longer have permission to read this topic", CampfireErrorCode.AccessWithdrawn);
                break;
            case ActKind.ChannelCrashes:
                server.CrashChannel();
                break;
            case ActKind.ChannelIsForgotten:
                server.ForgetChannel();
                break;
            case ActKind.StaleFramesArrive:
                server.ReceiveStale("system", """{"extension":"system","status":"error","message":"You no longer have permission","channel":"x"}""");
                server.ReceiveStale("phx_close", "{}");
                server.ReceiveStale("phx_error", "{}");
                break;

            case ActKind.TokenIsLate:
                server.FailToken(() => new HttpRequestException("no route"));
                break;
            case ActKind.TokenIsDenied:
                server.FailToken(() => new InvalidOperationException("signed out"), CampfireErrorCode.InvalidToken);
                break;
            case ActKind.TokensAreShort:
                server.TokenLife = TimeSpan.FromSeconds(number % 50);
                break;

            case ActKind.DatabaseIsBusy:
                server.FailCalls(1 + (number % 5), () => ScriptedDatabase.Error(isText ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.TooManyRequests, "busy"));
                break;
            case ActKind.DatabaseDoesNotAnswer:
                server.HangCalls(1 + (number % 3));
                break;
            case ActKind.DatabaseIsAnotherPage:
                server.FailCalls(1 + (number % 3), () => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("<html>Log in to our Wi-Fi</html>", new System.Net.Http.Headers.MediaTypeHeaderValue("text/html")) });
                break;
            case ActKind.DatabaseAnswersNonsense:
                server.FailCalls(1, () => ScriptedDatabase.Json(isText ? """{"events":7}""" : "{\"events\":["), CampfireErrorCode.ProtocolViolation);
                break;
            case ActKind.DatabaseRefusesTheToken:
                server.FailCalls(1 + (number % 10), () => ScriptedDatabase.Error(HttpStatusCode.Unauthorized, "JWT expired", "PGRST303"), CampfireErrorCode.InvalidToken);
                break;

            case ActKind.MessageIsSent:
                application.Send(1 + (number % 3));
                break;
            case ActKind.AnswerToAMessageIsLost:
                server.StoreAndLoseTheAnswer(isText);
                application.Send(1);
                break;
            case ActKind.MessageIsRefused:
                server.RefuseMessage();
                application.Send(1);
                break;
            case ActKind.PresenceIsTracked:
                application.Track();
                break;
            case ActKind.TypingStarts:
                application.Type();
                break;
            case ActKind.ReaderStops:
                application.StopReading();
                break;
            case ActKind.ReaderReadsSome:
                application.ReadSome(1 + (number % 5));
                break;
            case ActKind.ReaderGoesOn:
                application.GoOnReading();
                break;
            case ActKind.ConversationIsLeft:
                application.Leave();
                break;
        }
    }
}
