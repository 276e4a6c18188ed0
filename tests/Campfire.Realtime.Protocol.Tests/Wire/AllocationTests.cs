using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

/// <summary>The receive path costs nothing but the event: headers are read as views, and known names are constants.</summary>
[NonParallelizable]
internal sealed class AllocationTests
{
    private const int Rounds = 1_000;

    private static readonly byte[] Stored = [4, 10, 15, 10, 1, .. "realtime:rmessage:created{\"id\":\"x\"}{\"a\":1}"u8];
    private static readonly byte[] Envelope = """[null,null,"realtime:r","broadcast",{"type":"broadcast","event":"message:created","payload":{"a":1},"meta":{"id":"x"}}]"""u8.ToArray();
    private static readonly byte[] Answer = """["1","2","realtime:r","phx_reply",{"status":"ok","response":{}}]"""u8.ToArray();

    [Test]
    public void Reading_a_broadcast_allocates_nothing() => AssertFree(() =>
    {
        FrameReader.TryReadBinary(Stored, WireDirection.ToClient, out Frame binary, out _);
        BroadcastView.TryRead(binary, out BroadcastView ofBinary, out _);
        FrameReader.TryReadText(Envelope, WireVersion.V2, out Frame text, out _);
        BroadcastView.TryRead(text, out BroadcastView ofText, out _);
        return EventNames.Intern(ofBinary.Event).Length + EventNames.Intern(ofText.Event).Length == 30;
    });

    [Test]
    public void Reading_a_reply_allocates_nothing() => AssertFree(() =>
    {
        FrameReader.TryReadText(Answer, WireVersion.V2, out Frame frame, out _);
        return ReplyView.TryRead(frame, out ReplyView reply, out _) && reply.IsOk;
    });

    [Test]
    public void Writing_a_user_broadcast_allocates_nothing()
    {
        using var output = new PooledBuffer();
        AssertFree(() =>
        {
            output.Clear();
            FrameWriter.WriteUserBroadcastPush(output, "1"u8, "2"u8, "realtime:r"u8, "typing:start"u8, default, isBinaryPayload: false, "{}"u8);
            return output.Length == 33;
        });
    }

    private static void AssertFree(Func<bool> action)
    {
        for (int i = 0; i < Rounds; i++)
            Assert.That(action(), Is.True);

        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isRight = true;
        for (int i = 0; i < Rounds; i++)
            isRight &= action();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.That(isRight, Is.True);
        Assert.That(allocated / Rounds, Is.Zero);
    }
}
