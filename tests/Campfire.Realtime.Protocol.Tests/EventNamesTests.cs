using System.Text;
using CsCheck;

namespace Campfire.Realtime.Protocol.Tests;

[Parallelizable(ParallelScope.All)]
internal sealed class EventNamesTests
{
    private static readonly string[] KnownSet =
    [
        "message:created", "message:updated", "message:deleted", "read:receipt",
        "conversation:created", "conversation:updated", "conversation:assigned", "conversation:unassigned",
        "conversation:closed", "conversation:reopened", "conversation:archived",
        "typing:start", "typing:stop",
        "agent:status:online", "agent:status:away", "agent:status:busy", "agent:status:offline",
        "ai:activated", "ai:deactivated", "ai:response:delta", "ai:response:generated",
        "ai:handover:requested", "ai:handover:completed",
        "visitor:joined", "visitor:left", "visitor:page:view",
        "notification:created", "notification:read", "notification:dismissed",
        "system:maintenance", "system:alert", "system:health:check",
    ];

    [Test]
    public void All_holds_exactly_the_known_set()
    {
        Assert.That(EventNames.All, Is.EquivalentTo(KnownSet));
    }

    [Test]
    public void All_holds_every_public_constant()
    {
        IEnumerable<object?> constants = typeof(EventNames).GetFields().Where(field => field.IsLiteral).Select(field => field.GetRawConstantValue());

        Assert.That(EventNames.All, Is.EquivalentTo(constants));
    }

    [Test]
    public void All_is_one_list_that_nobody_can_change()
    {
        IReadOnlyList<string> first = EventNames.All, second = EventNames.All;

        Assert.That(second, Is.SameAs(first));
        Assert.That(first, Is.Not.InstanceOf<string[]>());
    }

    [TestCaseSource(nameof(KnownSet))]
    public void Known_name_is_valid_and_costs_no_string(string name)
    {
        Assert.That(EventNames.IsValid(name), Is.True);
        Assert.That(EventNames.Intern(Encoding.UTF8.GetBytes(name)), Is.SameAs(string.Intern(name)));
    }

    [TestCase("order:shipped")]
    [TestCase("order:shipped:late")]
    [TestCase("a:b")]
    [TestCase("order-2:item_9:x")]
    [TestCase("1:2:3")]
    public void Name_of_the_standard_form_is_valid(string name) => Assert.That(EventNames.IsValid(name), Is.True);

    [TestCase("")]
    [TestCase(":")]
    [TestCase("message")]
    [TestCase("message:")]
    [TestCase(":created")]
    [TestCase("message::created")]
    [TestCase("message:created:")]
    [TestCase("a:b:c:d")]
    [TestCase("Message:created")]
    [TestCase("message:crEated")]
    [TestCase("message created")]
    [TestCase("message: created")]
    [TestCase("message:created\n")]
    [TestCase("message.created")]
    [TestCase("nachricht:größe")]
    [TestCase("phx_reply")]
    public void Name_of_another_form_is_invalid(string name) => Assert.That(EventNames.IsValid(name), Is.False);

    [Test]
    public void Name_is_valid_up_to_255_bytes()
    {
        Assert.That(EventNames.IsValid("a:" + new string('b', 253)), Is.True);
        Assert.That(EventNames.IsValid("a:" + new string('b', 254)), Is.False);
    }

    [TestCase("message:creates")]
    [TestCase("größe:neu")]
    [TestCase("")]
    public void Unknown_name_is_interned_as_itself(string name) => Assert.That(EventNames.Intern(Encoding.UTF8.GetBytes(name)), Is.EqualTo(name));

    [Test]
    public void Unknown_name_longer_than_any_known_is_interned_as_itself()
    {
        foreach (int length in new[] { 63, 64, 65, 255 })
        {
            string name = new('x', length);
            Assert.That(EventNames.Intern(Encoding.UTF8.GetBytes(name)), Is.EqualTo(name));
        }
    }

    [Test]
    public void Arbitrary_bytes_are_never_taken_for_a_known_name()
    {
        Gen.Byte.Array[0, 300].Sample(bytes => !KnownSet.Contains(EventNames.Intern(bytes)) || KnownSet.Contains(Encoding.Latin1.GetString(bytes)));
    }
}
