using System.Globalization;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

// One after the other: two recordings speak on the same topic.
[Parallelizable(ParallelScope.Self)]
public sealed class RecordedFrameTests
{
    [TestCase("v1-basic")]
    [TestCase("v2-basic")]
    [TestCase("private-v2")]
    [TestCase("token")]
    [TestCase("notjson")]
    [TestCase("pg-v2")]
    [TestCase("limits")]
    public async Task The_server_answers_a_recorded_session_frame_by_frame(string recording)
    {
        await using var session = NewSession();
        await session.PlayAsync(recording);
    }

    [Test]
    public async Task The_server_refuses_upgrades_as_recorded()
    {
        await using var session = NewSession();
        await session.PlayAsync("connect-errors");
    }

    internal static Recording NewSession()
    {
        var aliceId = Guid.NewGuid().ToString();
        var session = new Recording(socket => Target.ConnectAsync(socket == "v1" ? "1.0.0" : "2.0.0")) { Refuse = RefuseAsync };
        session.Variables["<alice-id>"] = aliceId;
        session.Variables["<alice>"] = Target.TokenFor(aliceId);
        session.Variables["<short>"] = Target.TokenFor("short", TimeSpan.FromSeconds(4));
        session.Variables["<expired>"] = Target.TokenFor("short", TimeSpan.FromSeconds(-4));
        session.Variables["<stranger>"] = Target.TokenFor(Guid.NewGuid().ToString());
        session.Variables["<since>"] = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        session.Steps["sql"] = Target.ExecuteAsync;
        session.Steps["rest-batch"] = async body =>
            Assert.That((int)(await Rest.PostJsonAsync("broadcast", body)).Status, Is.EqualTo(202));
        session.Steps["rest-binary"] = async request =>
        {
            var words = request.Split(' ');
            Assert.That((int)(await Rest.PostAsync(words[0], Rest.Bytes(Convert.FromHexString(words[1])))).Status, Is.EqualTo(202));
        };
        session.Steps["broadcast"] = request =>
        {
            var words = request.Split(' ');
            var text = new string('x', int.Parse(words[1], CultureInfo.InvariantCulture) * 1000);
            var payload = new JsonObject { ["type"] = "broadcast", ["event"] = "big", ["payload"] = new JsonObject { ["text"] = text } };
            return session["lim"].PushAsync("realtime:l", "broadcast", payload, "1", words[0]);
        };
        return session;
    }

    private static Task<UpgradeRefusal> RefuseAsync(string attempt)
    {
        var future = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();
        return Target.RefusalAsync(attempt switch
        {
            "nokey" => "?vsn=2.0.0",
            "badkey" => "?vsn=2.0.0&apikey=garbage",
            "badsig" => "?vsn=2.0.0&apikey=" + Target.Sign(new() { ["role"] = "anon", ["exp"] = future }, "another secret"),
            "expired" => "?vsn=2.0.0&apikey=" + Target.TokenFor("u", TimeSpan.FromMinutes(-1)),
            "norole" => "?vsn=2.0.0&apikey=" + Target.Sign(new() { ["exp"] = future }),
            "badvsn" => "?vsn=3.0.0&apikey=" + Target.AnonKey,
            _ => throw new ArgumentException($"Nobody knows the attempt {attempt}.", nameof(attempt)),
        });
    }
}
