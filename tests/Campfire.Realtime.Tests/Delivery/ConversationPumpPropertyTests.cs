using System.Net;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Tests.Delivery;

// Histories of a conversation as networks, servers and readers make them, against the one thing that must be true: each stored
// event reaches the reader once and in order, or a gap says that the log no longer has it.
public sealed class ConversationPumpPropertyTests
{
    private enum Act
    {
        Arrive,
        GetLost,
        ArriveTwice,
        ArriveLate,
        RepeatAnOldOne,
        Invent,
        FailTheLog,
        ForgetARow,
        SpoilARow,
        Rejoin,
        Interrupt,
        Announce,
        LetTheReaderRead,
        Chatter,
    }

    [Test]
    public void Any_history_reaches_the_reader_once_and_in_order()
    {
        Gen<Act> act = Gen.Frequency(
            (8, Gen.Const(Act.Arrive)), (3, Gen.Const(Act.GetLost)), (2, Gen.Const(Act.ArriveTwice)), (4, Gen.Const(Act.ArriveLate)),
            (1, Gen.Const(Act.RepeatAnOldOne)), (1, Gen.Const(Act.Invent)), (1, Gen.Const(Act.FailTheLog)), (1, Gen.Const(Act.ForgetARow)),
            (1, Gen.Const(Act.SpoilARow)), (1, Gen.Const(Act.Rejoin)), (1, Gen.Const(Act.Interrupt)), (1, Gen.Const(Act.Announce)), (3, Gen.Const(Act.LetTheReaderRead)), (1, Gen.Const(Act.Chatter)));
        Gen.Select(Gen.OneOf(Gen.Const(1), Gen.Const(2), Gen.Const(5), Gen.Const(1024)), act.Array[0, 40], Gen.Int[0, int.MaxValue]).Sample(
            (buffer, acts, seed) =>
            {
                using var history = new History(buffer, new Random(seed));
                history.PlayAsync(acts).InTime().GetAwaiter().GetResult();
            },
            iter: 2_000,
            writeLine: TestContext.Out.WriteLine);
    }

    private sealed class History : IDisposable
    {
        private readonly ScriptedDatabase _database = new();
        private readonly CampfireClientOptions _options;
        private readonly Random _random;
        private readonly List<string> _stored = [];
        private readonly List<string> _late = [];
        private readonly HashSet<long> _gone = [];
        private readonly SemaphoreSlim _mayRead = new(0);
        private int _logFailures;

        public History(int buffer, Random random)
        {
            _random = random;
            _options = new CampfireClientOptions
            {
                EventBufferSize = buffer,
                GapHoldTime = TimeSpan.FromMilliseconds(1),
                PollAfter = TimeSpan.FromMilliseconds(1),
                PollInterval = TimeSpan.FromMilliseconds(1),
                ReconnectBaseDelay = TimeSpan.FromMilliseconds(1),
                ReconnectMaxDelay = TimeSpan.FromMilliseconds(2),
            };
            _database.OnCall = (_, _, _) => Task.FromResult(
                Interlocked.Decrement(ref _logFailures) >= 0 ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        }

        public void Dispose()
        {
            _database.Dispose();
            _mayRead.Dispose();
        }

        public async Task PlayAsync(Act[] acts)
        {
            using var http = new HttpClient(_database, disposeHandler: false);
            var backoff = new Backoff(_options.ReconnectBaseDelay, _options.ReconnectMaxDelay, _random);
            var rpc = new RpcClient(http, new Uri("http://supabase.test/rpc/"), "key", new AccessTokenSource(null, TimeProvider.System, TimeSpan.FromSeconds(10)), TimeSpan.FromSeconds(10), TimeProvider.System);
            var log = new ConversationLog(_database.ConversationId, rpc, _options, backoff, NullLogger.Instance);
            await using var pump = new ConversationPump(log, 0, _options, backoff, new StatusBoard(new CampfireStatus(CampfireConnectionState.Connected), 1), NullLogger.Instance);
            pump.Start();
            Task<List<ConversationEvent>> reading = ReadAsync(pump);

            foreach (Act act in acts)
                Play(act, pump);
            foreach (string late in _late)
                Offer(pump, late);
            pump.RequestCatchUp();
            _mayRead.Release(1_000_000);

            // The end is visible: one more event, which is not lost.
            string last = _database.Store("the end");
            Offer(pump, last);
            pump.RequestCatchUp();
            Verify(await reading);
        }

        private void Play(Act act, ConversationPump pump)
        {
            switch (act)
            {
                case Act.Arrive:
                    Offer(pump, Store());
                    break;
                case Act.GetLost:
                    Store();
                    break;
                case Act.ArriveTwice:
                    string twice = Store();
                    Offer(pump, twice);
                    Offer(pump, twice);
                    break;
                case Act.ArriveLate when _late.Count > 0 && _random.Next(2) == 0:
                    Offer(pump, _late[^1]);
                    _late.RemoveAt(_late.Count - 1);
                    break;
                case Act.ArriveLate:
                    _late.Add(Store());
                    break;
                case Act.RepeatAnOldOne when _stored.Count > 0:
                    Offer(pump, _stored[_random.Next(_stored.Count)]);
                    break;
                case Act.Invent:
                    Offer(pump, _database.MessageJson(_random.Next(2) == 0 ? 100_000 : long.MaxValue - _random.Next(3)));
                    break;
                case Act.FailTheLog:
                    Interlocked.Exchange(ref _logFailures, _random.Next(1, 4));
                    break;
                case Act.ForgetARow when _database.LastSequence > 0:
                    long forgotten = _random.NextInt64(1, _database.LastSequence + 1);
                    _gone.Add(forgotten);
                    _database.Forget(forgotten);
                    break;
                case Act.SpoilARow:
                    _database.StoreRaw("order:shipped", """{"no":"sequence"}""");
                    _gone.Add(_database.LastSequence);
                    break;
                case Act.Rejoin:
                    pump.OnLive();
                    break;
                case Act.Interrupt:
                    pump.OnInterrupted("away");
                    break;
                case Act.Announce:
                    pump.Announce(_database.LastSequence + _random.Next(0, 2));
                    break;
                case Act.LetTheReaderRead:
                    _mayRead.Release(_random.Next(1, 6));
                    break;
                case Act.Chatter:
                    pump.Offer(new ReadReceipt { ConversationId = _database.ConversationId, ParticipantType = SenderType.Agent, ParticipantId = "a", DeliveredThrough = 0, ReadThrough = 0 });
                    break;
            }
        }

        private string Store()
        {
            string message = _database.Store();
            _stored.Add(message);
            return message;
        }

        private static void Offer(ConversationPump pump, string message)
        {
            if (!PayloadReader.TryReadConversationEvent(EventNames.MessageCreated, System.Text.Encoding.UTF8.GetBytes(message), out ConversationEvent? e, out string? error))
                throw new InvalidOperationException(error);
            pump.Offer(e);
        }

        private async Task<List<ConversationEvent>> ReadAsync(ConversationPump pump)
        {
            var read = new List<ConversationEvent>();
            await foreach ((ConversationEvent e, _) in pump.ReadAsync(CancellationToken.None))
            {
                await _mayRead.WaitAsync();
                read.Add(e);
                if (e is MessageCreated { Content: "the end" })
                    break;
            }

            return read;
        }

        private void Verify(List<ConversationEvent> read)
        {
            long at = 0;
            foreach (ConversationEvent e in read)
            {
                if (e is HistoryGap gap)
                {
                    if (gap.First != at + 1 || gap.Last < gap.First)
                        throw new InvalidOperationException($"A gap {gap.First}-{gap.Last} behind {at}.");
                    for (long lost = gap.First; lost <= gap.Last; lost++)
                    {
                        if (!_gone.Contains(lost))
                            throw new InvalidOperationException($"Event {lost} was given up though the log has it.");
                    }

                    at = gap.Last;
                }
                else if (e is StoredEvent stored && stored.Sequence != ++at)
                {
                    throw new InvalidOperationException($"Event {stored.Sequence} where {at} is due.");
                }
            }

            if (at != _database.LastSequence)
                throw new InvalidOperationException($"The stream ended at {at}, the log at {_database.LastSequence}.");
        }
    }
}
