using Campfire.Realtime.Emulator;
using Campfire.Realtime.TestSupport;
using static Campfire.Realtime.Tests.Conversations.DeskClients;

namespace Campfire.Realtime.Tests.Conversations;

[TestFixture]
public sealed class PollingTests
{
    [Test]
    public async Task Messages_keep_flowing_without_realtime_and_then_come_live_again()
    {
        await using CampfireEmulator emulator = await CampfireEmulator.StartAsync(
            new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast, Limits = EmulatorFixture.Unhurried() });
        await VisitorLimits.LiftAsync(emulator);
        SupportDesk desk = await SupportDesk.CreateAsync(emulator);
        await using CampfireClient visitor = await ConnectAsync(emulator, desk.VisitorToken, PollSoon);
        await using CampfireClient agent = await ConnectAsync(emulator, desk.AgentToken, PollSoon);
        await using Conversation visitorSide = await visitor.JoinAsync(desk);
        await using Conversation agentSide = await agent.JoinAsync(desk);

        // What is cut reconnects, and may not join until this is over.
        emulator.Faults.RefuseJoins("InitializingProjectConnection", count: 10_000);
        emulator.Faults.DropConnections();
        await ModeAsync(agentSide, DeliveryMode.Polling);
        string[] contents = [.. Enumerable.Range(0, 20).Select(i => $"{i}")];
        foreach (string content in contents)
            await visitorSide.SendMessageAsync(content);
        AssertOnceAndInOrder(await agentSide.ReadMessagesAsync(20), contents);
        Assert.That((agentSide.IsLive, agent.Status.IsPolling), Is.EqualTo((false, true)));

        emulator.Faults.Clear();
        await ModeAsync(agentSide, DeliveryMode.Live);
        await ModeAsync(visitorSide, DeliveryMode.Live);
        await visitorSide.SendMessageAsync("live");
        AssertOnceAndInOrder(await agentSide.ReadMessagesAsync(1), ["live"]);
        Assert.That(agent.Status.IsPolling, Is.False);
    }

    private static void PollSoon(CampfireClientOptions options)
    {
        options.PollAfter = TimeSpan.FromMilliseconds(100);
        options.PollInterval = TimeSpan.FromMilliseconds(100);
        options.ReconnectMaxDelay = TimeSpan.FromMilliseconds(500);
    }

    private static async Task ModeAsync(Conversation conversation, DeliveryMode mode)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await conversation.WatchStateAsync(deadline.Token).FirstAsync(state => state.Mode == mode, deadline.Token);
    }
}
