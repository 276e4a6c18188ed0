using Campfire.Realtime.Server.Configuration;
using Campfire.Realtime.Server.Tests.Support;
using Microsoft.Extensions.Options;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class CampfireServerOptionsTests
{
    private const string Secret = "a-secret-that-must-never-be-shown-0123456789";

    [Test]
    public void Valid_options_pass() => Assert.That(Validate(_ => { }).Succeeded, Is.True);

    private static IEnumerable<TestCaseData> WrongOptions()
    {
        yield return Wrong("Url", options => options.Url = null);
        yield return Wrong("Url", options => options.Url = new Uri("/relative", UriKind.Relative));
        yield return Wrong("Url", options => options.Url = new Uri("ftp://example.org"));
        yield return Wrong("RestUrl", options => options.RestUrl = new Uri("ws://example.org"));
        yield return Wrong("RealtimeUrl", options => options.RealtimeUrl = new Uri("ftp://example.org"));
        yield return Wrong("PublicUrl", options => options.PublicUrl = new Uri("ws://example.org"));
        yield return Wrong("ApiKey", options => options.ApiKey = null);
        yield return Wrong("ApiKey", options => options.ApiKey = " ");
        yield return Wrong("ApiKey", options => options.ApiKey = "sb_secret_" + Secret);
        yield return Wrong("ApiKey", options => options.ApiKey = ServerTestsSetUp.Emulator.ServiceKey);
        yield return Wrong("ApiKey", options => options.ApiKey += "\n");
        yield return Wrong("ServiceKey", options => options.ServiceKey = "");
        yield return Wrong("ServiceKey", options => options.ServiceKey = "sb_publishable_" + Secret);
        yield return Wrong("ServiceKey", options => options.ServiceKey = ServerTestsSetUp.Emulator.AnonKey);
        yield return Wrong("ServiceKey", options => options.ServiceKey += "\r\nX-Injected: 1");
        yield return Wrong("JwtSecret", options => options.JwtSecret = null);
        yield return Wrong("JwtSecret", options => options.JwtSecret = Secret[..31]);
        yield return Wrong("TokenLifetime", options => options.TokenLifetime = TimeSpan.FromSeconds(59));
        yield return Wrong("ClockSkew", options => options.ClockSkew = TimeSpan.FromMinutes(6));
        yield return Wrong("ResumeWindow", options => options.ResumeWindow = TimeSpan.FromSeconds(-1));
        yield return Wrong("RequestTimeout", options => options.RequestTimeout = TimeSpan.Zero);
        yield return Wrong("MaxRequestBodyBytes", options => options.MaxRequestBodyBytes = 0);
        yield return Wrong("WidgetAuthRequestsPerMinute", options => options.WidgetAuthRequestsPerMinute = 0);

        static TestCaseData Wrong(string setting, Action<CampfireServerOptions> change) => new(setting, change);
    }

    [TestCaseSource(nameof(WrongOptions))]
    public void A_wrong_setting_is_named_and_its_value_is_not_shown(string setting, Action<CampfireServerOptions> change)
    {
        ValidateOptionsResult result = Validate(change);

        Assert.That(result.Failures?.Count(), Is.EqualTo(1), result.FailureMessage);
        Assert.That(result.FailureMessage, Does.StartWith($"Campfire server: {setting} "));
        Assert.That(result.FailureMessage, Does.Not.Contain(Secret[..31]).And.Not.Contain("eyJ"));
    }

    [Test]
    public void A_wrong_setting_stops_the_application_at_its_start() => Assert.That(
        async () => await WidgetServer.StartAsync(options => options.JwtSecret = "short"),
        Throws.TypeOf<OptionsValidationException>().With.Message.Contains("JwtSecret"));

    [TestCase("https://p.supabase.co", null, "https://p.supabase.co/realtime/v1/api/broadcast")]
    [TestCase("http://localhost:54321/", null, "http://localhost:54321/realtime/v1/api/broadcast")]
    [TestCase("https://p.supabase.co", "wss://rt.example.org/socket/websocket", "https://rt.example.org/api/broadcast")]
    [TestCase("https://p.supabase.co", "ws://rt.example.org:4000/socket", "http://rt.example.org:4000/api/broadcast")]
    [TestCase("https://p.supabase.co", "https://rt.example.org/realtime/v1", "https://rt.example.org/realtime/v1/api/broadcast")]
    public void Broadcasts_go_where_realtime_is(string url, string? realtimeUrl, string expected)
    {
        var options = new CampfireServerOptions { Url = new Uri(url), RealtimeUrl = realtimeUrl is null ? null : new Uri(realtimeUrl) };

        Assert.That(options.BroadcastUrl.AbsoluteUri, Is.EqualTo(expected));
    }

    [TestCase("https://p.supabase.co", null, "https://p.supabase.co/rest/v1/rpc/")]
    [TestCase("https://p.supabase.co", "http://rest.example.org:3000", "http://rest.example.org:3000/rpc/")]
    public void Functions_are_called_where_postgrest_is(string url, string? restUrl, string expected)
    {
        var options = new CampfireServerOptions { Url = new Uri(url), RestUrl = restUrl is null ? null : new Uri(restUrl) };

        Assert.That(options.RpcUrl.AbsoluteUri, Is.EqualTo(expected));
    }

    private static ValidateOptionsResult Validate(Action<CampfireServerOptions> change)
    {
        var options = new CampfireServerOptions
        {
            Url = new Uri("https://project.supabase.co"),
            ApiKey = "sb_publishable_" + Secret,
            ServiceKey = "sb_secret_" + Secret,
            JwtSecret = Secret,
        };
        change(options);
        return new CampfireServerOptionsValidator().Validate(name: null, options);
    }
}
